package constrain

// formats are the values of "format" that are held to, as expressions over the whole string. Others are annotations,
// as JSON schema 2020-12 (validation, section 7.2) has it, and are ignored.
var formats = map[string]string{
	// RFC 3339, with the days of each month and leap years, no leap seconds, and nanoseconds at most.
	"date":      dateRE,
	"time":      timeRE,
	"date-time": `(?:` + dateRE + `)T` + timeRE,
	// RFC 3339 appendix A.
	"duration": `P(?:[0-9]{1,9}W|(?:[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]{1,9}D)?)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}D)(?:T` + clockRE + `)?|T` + clockRE + `)`,
	// RFC 9562.
	"uuid": `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`,
	// The addresses that people have: a dot-atom of RFC 5322 at a host name with a dot.
	"email":    atomRE + `(?:\.` + atomRE + `){0,8}@` + labelRE + `(?:\.` + labelRE + `){1,8}`,
	"hostname": labelRE + `(?:\.` + labelRE + `){0,8}`,
	"ipv4":     ipv4RE,
	"ipv6":     ipv6RE,
	// RFC 3986: a scheme and the characters that a URI may have, percent signs in their use.
	"uri": `[A-Za-z][A-Za-z0-9+.-]{0,30}:(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+`,
}

const (
	leapRE  = `(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)`
	dateRE  = `[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|` + leapRE + `-02-29`
	timeRE  = `(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])`
	clockRE = `(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S)`
	atomRE  = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,32}"
	labelRE = `[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?`
	octetRE = `(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	ipv4RE  = octetRE + `(?:\.` + octetRE + `){3}`
	groupRE = `[0-9a-fA-F]{1,4}`
	// "::" stands for one group or more: so many may stand before it and behind it.
	ipv6RE = `(?:` + groupRE + `:){7}` + groupRE +
		`|:(?::` + groupRE + `){1,7}|::` +
		`|(?:` + groupRE + `:){1,7}:` +
		`|(?:` + groupRE + `:){1,6}:` + groupRE +
		`|(?:` + groupRE + `:){1,5}(?::` + groupRE + `){2}` +
		`|(?:` + groupRE + `:){1,4}(?::` + groupRE + `){3}` +
		`|(?:` + groupRE + `:){1,3}(?::` + groupRE + `){4}` +
		`|(?:` + groupRE + `:){1,2}(?::` + groupRE + `){5}` +
		`|` + groupRE + `:(?::` + groupRE + `){6}`
)
