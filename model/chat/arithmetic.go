package chat

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"
)

var (
	errDivision = errors.New("division by zero")
	errOverflow = errors.New("integer does not fit 64 bits")
)

func operandError(op string, x, y Value) error {
	for _, v := range [...]Value{x, y} {
		if v.k == kindUndefined {
			return undefinedError(v)
		}
		if v.k == kindBig {
			return fmt.Errorf("%s with %s: %w", op, v.s, errOverflow)
		}
	}
	return fmt.Errorf("unsupported operand type(s) for %s: '%s' and '%s'", op, x.typeName(), y.typeName())
}

func (v Value) isInt() bool { return v.k == kindInt || v.k == kindBool }

// binary is x op y.
func (m *machine) binary(op string, x, y Value) (Value, error) {
	if x.k == kindInt && y.k == kindInt || x.isInt() && y.isInt() {
		return intOp(op, x.int(), y.int())
	}
	if x.isNumber() && y.isNumber() {
		return floatOp(op, x.number(), y.number())
	}
	switch op {
	case "+":
		return m.add(x, y)
	case "*":
		if y.isInt() {
			x, y = y, x
		}
		if x.isInt() {
			return m.repeat(y, x.int(), x)
		}
	case "%":
		if x.k == kindString {
			return m.percent(x, y)
		}
	}
	return Value{}, operandError(op, x, y)
}

func (m *machine) add(x, y Value) (Value, error) {
	if x.k == kindString && y.k == kindString {
		if x.n|y.n != 0 {
			return m.addMarkup(x, y)
		}
		if err := m.grow(len(x.s) + len(y.s)); err != nil {
			return Value{}, err
		}
		return String(x.s + y.s), nil
	}
	if (x.k == kindList || x.k == kindTuple) && x.k == y.k {
		a, b := x.slice(), y.slice()
		if err := m.growItems(len(a) + len(b)); err != nil {
			return Value{}, err
		}
		return Value{k: x.k, p: &list{items: append(append(make([]Value, 0, len(a)+len(b)), a...), b...)}}, nil
	}
	if y.k != kindUndefined && y.k != kindBig {
		switch x.k {
		case kindString, kindList, kindTuple:
			return Value{}, fmt.Errorf("can only concatenate %s (not \"%s\") to %s", x.typeName(), y.typeName(), x.typeName())
		default:
		}
	}
	return Value{}, operandError("+", x, y)
}

func (m *machine) repeat(x Value, times int64, by Value) (Value, error) {
	times = max(times, 0)
	switch x.k {
	case kindString:
		if times > 0 && len(x.s) > maxMemory/int(min(times, maxMemory)) {
			return Value{}, m.grow(maxMemory + 1)
		}
		if x.s == "" || times == 0 {
			x.s = ""
			return x, nil
		}
		if err := m.grow(len(x.s) * int(times)); err != nil {
			return Value{}, err
		}
		x.s = strings.Repeat(x.s, int(times))
		return x, nil
	case kindList, kindTuple:
		items := x.slice()
		if len(items) == 0 {
			times = 0
		}
		if times > maxMemory/valueSize {
			return Value{}, m.grow(maxMemory + 1)
		}
		if err := m.growItems(len(items) * int(times)); err != nil {
			return Value{}, err
		}
		out := make([]Value, 0, len(items)*int(times))
		for range times {
			out = append(out, items...)
		}
		return Value{k: x.k, p: &list{items: out}}, nil
	default:
		return Value{}, operandError("*", by, x)
	}
}

func intOp(op string, x, y int64) (Value, error) {
	var z int64
	ok := true
	switch op {
	case "+":
		z = x + y
		ok = (z > x) == (y > 0)
	case "-":
		z = x - y
		ok = (z < x) == (y > 0)
	case "*":
		z, ok = mulInt(x, y)
	case "/":
		if y == 0 {
			return Value{}, errDivision
		}
		return Float(divideInts(x, y)), nil
	case "//", "%":
		if y == 0 {
			return Value{}, errors.New("integer division or modulo by zero")
		}
		if x == math.MinInt64 && y == -1 {
			if op == "%" {
				return Int(0), nil
			}
			return Value{}, fmt.Errorf("%d // %d: %w", x, y, errOverflow)
		}
		q, r := x/y, x%y
		if r != 0 && (r < 0) != (y < 0) {
			q--
			r += y
		}
		if op == "%" {
			return Int(r), nil
		}
		return Int(q), nil
	case "**":
		if y < 0 {
			if x == 0 {
				return Value{}, errors.New("0.0 cannot be raised to a negative power")
			}
			return Float(math.Pow(float64(x), float64(y))), nil
		}
		z = 1
		for base := x; y > 0 && ok; y >>= 1 {
			if y&1 == 1 {
				z, ok = mulInt(z, base)
			}
			if y > 1 && ok {
				base, ok = mulInt(base, base)
			}
		}
	}
	if !ok {
		return Value{}, fmt.Errorf("%s of integers: %w", op, errOverflow)
	}
	return Int(z), nil
}

// divideInts rounds once, also where the integers themselves do not fit a float64.
func divideInts(x, y int64) float64 {
	if max(magnitude(x), magnitude(y)) <= 1<<53 {
		return float64(x) / float64(y)
	}
	f, _ := new(big.Rat).SetFrac(big.NewInt(x), big.NewInt(y)).Float64()
	return f
}

func mulInt(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	negative := (x < 0) != (y < 0)
	if hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative {
		return 0, false
	}
	if negative {
		return int64(-lo), true
	}
	return int64(lo), true
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func floatOp(op string, x, y float64) (Value, error) {
	switch op {
	case "+":
		return Float(x + y), nil
	case "-":
		return Float(x - y), nil
	case "*":
		return Float(x * y), nil
	case "**":
		switch z := math.Pow(x, y); {
		case x == 0 && y < 0:
			return Value{}, errors.New("0.0 cannot be raised to a negative power")
		case math.IsNaN(z) && x < 0 && !math.IsNaN(y):
			return Value{}, errors.New("complex numbers are not supported in chat templates")
		case math.IsInf(z, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0):
			return Value{}, errors.New("numerical result out of range")
		default:
			return Float(z), nil
		}
	}
	if y == 0 {
		if op == "/" {
			return Value{}, errors.New("float division by zero")
		}
		return Value{}, errors.New("float floor division by zero")
	}
	if op == "/" {
		return Float(x / y), nil
	}
	// As CPython's float_divmod: the remainder has the divisor's sign, the quotient is whole.
	mod := math.Mod(x, y)
	div := (x - mod) / y
	if mod != 0 {
		if (y < 0) != (mod < 0) {
			mod += y
			div--
		}
	} else {
		mod = math.Copysign(0, y)
	}
	if op == "%" {
		return Float(mod), nil
	}
	if div == 0 {
		return Float(math.Copysign(0, x/y)), nil
	}
	floor := math.Floor(div)
	if div-floor > 0.5 {
		floor++
	}
	return Float(floor), nil
}

// unary is -x or +x.
func (m *machine) unary(op string, x Value) (Value, error) {
	switch {
	case x.isInt() && op == "+":
		return Int(x.int()), nil
	case x.isInt():
		if x.int() == math.MinInt64 {
			return Value{}, fmt.Errorf("-(%d): %w", x.int(), errOverflow)
		}
		return Int(-x.int()), nil
	case x.k == kindFloat && op == "+":
		return x, nil
	case x.k == kindFloat:
		return Float(-x.float()), nil
	case x.k == kindUndefined:
		return Value{}, undefinedError(x)
	case x.k == kindBig:
		return Value{}, fmt.Errorf("%s%s: %w", op, x.s, errOverflow)
	}
	return Value{}, fmt.Errorf("bad operand type for unary %s: '%s'", op, x.typeName())
}
