// Package sched admits sessions and sends them through decoding cycles. Engine owns the pipeline, the
// cycles and the sessions' lanes; it decides which lanes go into a cycle, how many prompt rows and
// drafts each brings, and takes them back when commit is done with them.
//
// Guarantees:
//
//  1. Start never blocks on the device: it queues the request or says why not. With a Pool in Env, a request
//     is admitted when all the memory it may come to need is there, so that no session fails half way;
//     one that could never fit is refused with the numbers.
//  2. Sessions are admitted by arrival, a step of priority counting as a head start; ready lanes are taken by
//     the longest wait. Nobody starves.
//  3. While prompts load, streams draft as they would without them, and no cycle with a stream in it is planned to take
//     more than Stretch (1.8) times what nine of ten cycles of these streams take by themselves, by what forwards have
//     been measured to cost; what single cycles err by at first keeps them within twice. What heads have put off reading
//     is under the same bound. A prompt's rows are never so few that it takes more than eight times what it takes alone.
//     Where prompts outnumber streams, what is beyond the quiet time grows in proportion; sessions that arrive together
//     are read at full width. TestChunksKeepCyclesWithinStretch, TestHistoryIsReadInSlices and
//     TestSessionsThatArriveTogetherAreReadAtFullWidth hold the cycles to that, on devices of exact costs.
//  4. A session that is cancelled, that fails, is late or whose reader is slow costs nothing but its own
//     lane; its memory is free again at the next cycle border.
//  5. What a session writes under greedy or coupled sampling is what it writes alone with plain decoding,
//     whatever the depths, chunks, company, cohorts, guesses and what the bank restored. TestRandomHistoriesChangeNoText
//     holds all of it to that.
//  6. Drain refuses newcomers and waits for the others; Close ends every session with an error, then every
//     goroutine, and returns.
//
// Depths under Auto are package depth's choice, fed with the measured times of every cycle. Package bank
// remembers what sessions computed; reuse.go says when it is asked and told.
//
// Engine's methods are safe for concurrent use; a Session is read by one goroutine, and may be cancelled
// by any.
package sched
