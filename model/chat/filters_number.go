package chat

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

func filterAbs(_ *machine, x Value, _ []Value) (Value, error) {
	switch {
	case x.isInt():
		if x.int() == math.MinInt64 {
			return Value{}, fmt.Errorf("abs of %d: %w", x.int(), errOverflow)
		}
		return Int(max(x.int(), -x.int())), nil
	case x.k == kindFloat:
		return Float(math.Abs(x.float())), nil
	case x.k == kindBig:
		x.s = strings.TrimPrefix(x.s, "-")
		return x, nil
	case x.k == kindUndefined:
		return Value{}, undefinedError(x)
	}
	return Value{}, fmt.Errorf("bad operand type for abs(): '%s'", x.typeName())
}

func filterFloat(_ *machine, x Value, a []Value) (Value, error) {
	missing := a[0]
	if missing.k == kindMissing {
		missing = Float(0)
	}
	switch {
	case x.isNumber():
		return Float(x.number()), nil
	case x.k == kindBig:
		f, err := strconv.ParseFloat(x.s, 64)
		if err != nil {
			return Value{}, errors.New("int too large to convert to float")
		}
		return Float(f), nil
	case x.k == kindString:
		if f, ok := parseFloat(x.s); ok {
			return Float(f), nil
		}
	case x.k == kindUndefined:
		return Value{}, undefinedError(x)
	}
	return missing, nil
}

// parseFloat is Python's float(s): no hexadecimal, underscores only between digits, space around.
func parseFloat(s string) (float64, bool) {
	s = strip(s, "", true, true, true)
	if strings.ContainsAny(s, "xXpP") || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") {
		return 0, false
	}
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '_' && (!isDecimal(rune(s[i-1])) || !isDecimal(rune(s[i+1]))) {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

func filterInt(_ *machine, x Value, a []Value) (Value, error) {
	missing := a[0]
	if missing.k == kindMissing {
		missing = Int(0)
	}
	base, err := intArg("base", a[1], 10)
	if err != nil {
		return Value{}, err
	}
	switch {
	case x.isInt():
		return Int(x.int()), nil
	case x.k == kindBig:
		return x, nil
	case x.k == kindFloat:
		return truncateFloat(x.float(), missing)
	case x.k == kindUndefined:
		return Value{}, undefinedError(x)
	case x.k == kindString:
		s := strip(x.s, "", true, true, true)
		if base == 0 || base >= 2 && base <= 36 {
			if i, err := parseInt(s, int(base)); err == nil {
				return Int(i), nil
			} else if errors.Is(err, strconv.ErrRange) {
				if base == 10 {
					return Value{k: kindBig, s: strings.TrimPrefix(strings.ReplaceAll(s, "_", ""), "+")}, nil
				}
				return Value{}, fmt.Errorf("int of %s: %w", quote(s), errOverflow)
			}
		}
		if f, ok := parseFloat(s); ok {
			return truncateFloat(f, missing)
		}
	}
	return missing, nil
}

// parseInt is Python's int(s, base), for which a base's own prefix is allowed in front.
func parseInt(s string, base int) (int64, error) {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
		return 0, strconv.ErrSyntax
	}
	sign := s[:len(s)-len(digits)]
	if prefix := map[int]string{2: "0b", 8: "0o", 16: "0x"}[base]; prefix != "" && strings.HasPrefix(strings.ToLower(digits), prefix) {
		digits = strings.TrimPrefix(digits[2:], "_")
	}
	if base != 0 {
		digits = strings.ReplaceAll(digits, "_", "")
	}
	return strconv.ParseInt(sign+digits, base, 64)
}

func truncateFloat(f float64, missing Value) (Value, error) {
	switch f = math.Trunc(f); {
	case math.IsNaN(f):
		return missing, nil
	case math.IsInf(f, 0):
		return missing, nil
	case math.Abs(f) >= 1<<63:
		return Value{k: kindBig, s: strconv.FormatFloat(f, 'f', 0, 64)}, nil
	}
	return Int(int64(f)), nil
}

func filterRound(_ *machine, x Value, a []Value) (Value, error) {
	precision, err := intArg("precision", a[0], 0)
	if err != nil {
		return Value{}, err
	}
	method := "common"
	if a[1].k != kindMissing {
		method = a[1].s
	}
	if !x.isNumber() {
		if x.k == kindUndefined {
			return Value{}, undefinedError(x)
		}
		return Value{}, fmt.Errorf("type %s doesn't define __round__ method", x.typeName())
	}
	f := x.number()
	scale := math.Pow(10, float64(precision))
	switch method {
	case "common":
		if x.isInt() {
			if precision >= 0 {
				return Int(x.int()), nil
			}
			return Value{}, errors.New("rounding an integer to tens is not supported in chat templates")
		}
		if precision > 300 || precision < -300 || math.IsNaN(f) || math.IsInf(f, 0) {
			return x, nil
		}
		if precision < 0 {
			return Float(math.RoundToEven(f/math.Pow(10, float64(-precision))) * math.Pow(10, float64(-precision))), nil
		}
		r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(precision), 64), 64)
		return Float(r), err
	case "ceil":
		return Float(math.Ceil(f*scale) / scale), nil
	case "floor":
		return Float(math.Floor(f*scale) / scale), nil
	}
	return Value{}, errors.New("method must be common, ceil or floor")
}
