package help

import (
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/runtime"
)

// Values are what a flag takes, where that can be listed. They are closed when it takes nothing else; otherwise they are the
// ones with names, beside numbers.
func Values(f *kong.Flag) (values []string, closed bool) {
	if f.Enum != "" {
		return f.EnumSlice(), true
	}
	values, closed = named[f.Name].values, named[f.Name].closed
	for _, v := range values {
		if len(v) > 1 && !strings.Contains(f.Help, v) {
			return nil, false // a flag of that name with another meaning
		}
	}
	return values, closed
}

// named are the values of flags whose parsers have no list of them, by name. A flag's help names them as well.
var named = map[string]struct {
	values []string
	closed bool
}{
	"profile":         {profiles(), false}, // there are aliases, too
	"numeric":         {[]string{"fast", "exact", "float32"}, true},
	"kv":              {[]string{"plain", "q8", "q8-v4", "q8-v3"}, true},
	"draft-lm-head":   {[]string{"off", "4", "3"}, true},
	"generation-mode": {[]string{"mtp", "ar"}, true},
	"acceptance":      {[]string{"auto", "ratio", "coupled"}, true},
	"reasoning":       {[]string{"auto", "on", "off"}, true},
	"draft-vocab":     {[]string{"auto", "all"}, false},
	"depth":           {[]string{"auto", "0", "1", "2", "3", "4", "5", "6", "7", "8"}, false},
}

func profiles() (names []string) {
	for _, p := range runtime.Profiles {
		names = append(names, p.Name)
	}
	return names
}
