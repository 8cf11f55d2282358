package openai

import (
	"strconv"

	"mtplx/api/output"
	"mtplx/api/request"
	"mtplx/stages"
)

// An extension of streams, asked for by "stream_options": {"include_mtplx": true}. A chunk's choice then has
//
//	"mtplx": {"pieces": ["He", "llo"], "drafted": [false, true]}
//
// whose pieces make the delta's text together, one for each token that has text in it; drafted says which of them the
// head proposed. The last chunk has usage, and the request's drafts by depth, from the first of a cycle:
//
//	"mtplx": {"mode": "mtp", "cycles": 9, "drafted_by_depth": [9, 9, 4], "accepted_by_depth": [8, 6, 1]}
//
// to which come "copied" and "copied_accepted" where tokens were proposed by copying from the text itself, and
//
//	"by_source": {"head": {"proposed": 18, "accepted": 13}, "correction_cache": {"proposed": 4, "accepted": 2}}
//
// with whoever proposed any: head, correction_cache, reranker, adapters, copy.

// appendSources appends ,"mtplx":{...} of a chunk.
func appendSources(dst []byte, from []output.Source) []byte {
	dst = append(dst, `,"mtplx":{"pieces":[`...)
	for i, s := range from {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = output.AppendString(dst, s.Text)
	}
	dst = append(dst, `],"drafted":[`...)
	for i, s := range from {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendBool(dst, s.Drafted)
	}
	return append(dst, "]}"...)
}

// appendDepths appends ,"mtplx":{...} of the last chunk, where it was asked for.
func appendDepths(dst []byte, r *request.Request, u *output.Usage) []byte {
	if !r.Provenance {
		return dst
	}
	drafted, accepted := make([]int32, len(u.ByDepth)), make([]int32, len(u.ByDepth))
	for i, d := range u.ByDepth {
		drafted[i], accepted[i] = int32(d.Drafted), int32(d.Accepted)
	}
	dst = append(append(append(dst, `,"mtplx":{"mode":"`...), u.Mode...), `","cycles":`...)
	dst = strconv.AppendInt(dst, int64(u.Cycles), 10)
	dst = output.AppendInts(append(dst, `,"drafted_by_depth":`...), drafted)
	dst = output.AppendInts(append(dst, `,"accepted_by_depth":`...), accepted)
	if u.Copied > 0 {
		dst = strconv.AppendInt(append(dst, `,"copied":`...), int64(u.Copied), 10)
		dst = strconv.AppendInt(append(dst, `,"copied_accepted":`...), int64(u.CopiedAccepted), 10)
	}
	return append(appendTally(dst, &u.BySource), '}')
}

// appendTally appends ,"by_source":{...}, or nothing where nobody proposed anything.
func appendTally(dst []byte, t *stages.Tally) []byte {
	begin := `,"by_source":{"`
	for i, n := range t.Proposed {
		if n == 0 {
			continue
		}
		dst = append(append(append(dst, begin...), stages.Source(i).String()...), `":{"proposed":`...)
		dst = strconv.AppendInt(dst, int64(n), 10)
		dst = strconv.AppendInt(append(dst, `,"accepted":`...), int64(t.Accepted[i]), 10)
		dst = append(dst, '}')
		begin = `,"`
	}
	if begin == `,"` {
		dst = append(dst, '}')
	}
	return dst
}
