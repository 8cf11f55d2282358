// Package constrain holds a model's text to a JSON schema, a JSON object, a regular expression, a list of choices
// or a format of tool calls, token by token and exactly, under speculation too.
//
// A [Compiler] belongs to one [Vocabulary]. It turns a [Spec] into a [Grammar]: deterministic automata over bytes
// that call each other, with a stack for what nests. A [State] is one lane's place in a Grammar; it satisfies
// stages.Constraint:
//
//	s := grammar.NewState(depth)         // depth: the most tokens ever rolled back
//	s.Mask(bits)                         // which tokens may come next, for q or p of this row
//	s.Advance(draft)                     // walk along the drafts, masking each row ...
//	s.Rollback(n)                        // ... and back
//
// Guarantees.
//
//  1. A token is in the mask exactly if Advance takes it, and Advance takes it exactly if some text of the grammar
//     continues with its bytes. End tokens are in the mask exactly if the text may end. Special tokens never are,
//     save the markers of tool calls where the grammar asks for them.
//  2. The mask depends on the grammar and the tokens so far, not on how they were reached, on caches or on other
//     lanes. Rollback restores everything. So drafting, verifying and plain decoding see the same masks.
//  3. No mask is empty: from every reachable state the text can be finished. After an end token only end tokens follow.
//  4. What a JSON schema admits here is valid for it; options.go says which of the valid texts are left out.
//  5. Hostile input costs at most what limits.go says and is refused with an [Error] that names path, keyword and remedy.
//  6. Advance allocates nothing once a State has grown to its text, and Mask nothing where the mask is cached.
//
// Compiler and Grammar are safe for concurrent use. A State belongs to one goroutine at a time.
//
// How it works. Schemas become rules of a byte NFA (nfa.go, schema*.go, regex.go). Each rule is determinised by itself
// (determinize.go) into a recursive transition network (Woods, 1970). A State keeps the set of ways to read the text as
// a graph-structured stack (Tomita, 1985; stack.go). Masks come from walks over a trie of the vocabulary (mask.go), as in
// Dong et al., "XGrammar" (2024): what a rule decides alone is walked once and shared, what needs the stack is added.
//
// Called by api to compile, and by stages through stages.Constraint. It knows no tokenizer and no wire format.
package constrain
