package chat

import (
	"fmt"
	"math"
	"sort"
	"strconv"
)

// kind tells the Python type that a Value stands for.
type kind uint8

const (
	kindUndefined kind = iota // jinja2.Undefined; s holds what was looked up, for messages
	kindNone
	kindBool
	kindInt
	kindBig // an int beyond 64 bits, from JSON: s holds its decimal digits; no arithmetic
	kindFloat
	kindString
	kindList
	kindTuple
	kindView      // dict_keys, dict_values, dict_items, range: sized and iterable; s holds the type's name
	kindGenerator // what map, select and others return: read once, always true, without a length
	kindDict
	kindNamespace
	kindCallable
	kindLoop
	kindJoiner
	kindCycler
	kindMissing // an argument that was not given; templates never see it
)

// Value is a value of the template language: a Python None, bool, int, float, str, list, tuple or
// dict with its keys in insertion order, or a name that has no value. The zero Value is undefined.
//
// Values are immutable as far as callers are concerned, so one may be shared by any number of
// goroutines and renders.
type Value struct {
	k kind
	n uint64 // bool, int (two's complement), float (bits)
	s string
	p any // *list, *dict, *callable, *loop, *generator, *turns
}

type list struct {
	items []Value
	steps *[3]int64 // a range's start, stop and step
}

// generator is read once, by whoever asks for its next item.
type generator struct {
	iterator
	name string
}

// Undefined returns the value of a name that was never set, as a template sees it.
func Undefined() Value { return Value{} }

// None returns Python's None, which is also JSON's null.
func None() Value { return Value{k: kindNone} }

// Bool returns a bool.
func Bool(b bool) Value {
	v := Value{k: kindBool}
	if b {
		v.n = 1
	}
	return v
}

// Int returns an int.
func Int(i int64) Value { return Value{k: kindInt, n: uint64(i)} }

// Float returns a float.
func Float(f float64) Value { return Value{k: kindFloat, n: math.Float64bits(f)} }

// String returns a str. Bytes that are not UTF-8 stay as they are and count as one character each.
func String(s string) Value { return Value{k: kindString, s: s} }

// List returns a list of the given items. It takes over the slice.
func List(items ...Value) Value { return Value{k: kindList, p: &list{items: items}} }

// Pair is one entry of a Dict.
type Pair struct {
	Key   string
	Value Value
}

// Dict returns a dict with the given entries in the given order. Of entries with the same key, the
// first gives the place and the last the value.
func Dict(pairs ...Pair) Value {
	d := newDict(len(pairs))
	for _, p := range pairs {
		d.setString(p.Key, p.Value)
	}
	return Value{k: kindDict, p: d}
}

// FromGo converts nil, bool, string, every integer and float type, Value, []Value, []string, []any
// and map[string]any, nested to any depth. A Go map has no order: its keys are sorted. Use FromJSON
// or Dict where order matters. Other types are an error that names the type.
func FromGo(x any) (Value, error) {
	switch x := x.(type) {
	case nil:
		return None(), nil
	case Value:
		return x, nil
	case bool:
		return Bool(x), nil
	case string:
		return String(x), nil
	case int:
		return Int(int64(x)), nil
	case int8:
		return Int(int64(x)), nil
	case int16:
		return Int(int64(x)), nil
	case int32:
		return Int(int64(x)), nil
	case int64:
		return Int(x), nil
	case uint8:
		return Int(int64(x)), nil
	case uint16:
		return Int(int64(x)), nil
	case uint32:
		return Int(int64(x)), nil
	case uint:
		return fromUint(uint64(x)), nil
	case uint64:
		return fromUint(x), nil
	case float32:
		return Float(float64(x)), nil
	case float64:
		return Float(x), nil
	case []Value:
		return List(x...), nil
	case []string:
		items := make([]Value, len(x))
		for i, s := range x {
			items[i] = String(s)
		}
		return List(items...), nil
	case []any:
		items := make([]Value, len(x))
		for i, e := range x {
			v, err := FromGo(e)
			if err != nil {
				return Value{}, fmt.Errorf("item %d: %w", i, err)
			}
			items[i] = v
		}
		return List(items...), nil
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		d := newDict(len(x))
		for _, k := range keys {
			v, err := FromGo(x[k])
			if err != nil {
				return Value{}, fmt.Errorf("key %q: %w", k, err)
			}
			d.setString(k, v)
		}
		return Value{k: kindDict, p: d}, nil
	}
	return Value{}, fmt.Errorf("convert to template value: Go type %T has no counterpart, give a Value", x)
}

func fromUint(u uint64) Value {
	if u > math.MaxInt64 {
		return Value{k: kindBig, s: strconv.FormatUint(u, 10)}
	}
	return Int(int64(u))
}

// IsUndefined reports whether v is the zero Value.
func (v Value) IsUndefined() bool { return v.k == kindUndefined }

// IsNone reports whether v is None.
func (v Value) IsNone() bool { return v.k == kindNone }

// Text returns the characters of a str, and false for every other type.
func (v Value) Text() (string, bool) { return v.s, v.k == kindString }

// Get returns a dict's entry, undefined where v is no dict or has no such key.
func (v Value) Get(key string) Value {
	if v.k != kindDict {
		return Value{}
	}
	e, _ := v.dict().getString(key)
	return e
}

func (v Value) int() int64     { return int64(v.n) }
func (v Value) float() float64 { return math.Float64frombits(v.n) }
func (v Value) dict() *dict    { return v.p.(*dict) }

// slice returns the items of a list, tuple or view.
func (v Value) slice() []Value { return v.p.(*list).items }

func tuple(items ...Value) Value { return Value{k: kindTuple, p: &list{items: items}} }

func view(name string, items []Value) Value {
	return Value{k: kindView, s: name, p: &list{items: items}}
}

func generate(name string, items []Value) Value {
	return Value{k: kindGenerator, p: &generator{iterator{items: items}, name}}
}

func undefined(what string) Value { return Value{k: kindUndefined, s: what} }

// isNumber reports int, float and bool, which Python lets into arithmetic.
func (v Value) isNumber() bool { return v.k == kindInt || v.k == kindFloat || v.k == kindBool }

// number returns a number as float64.
func (v Value) number() float64 {
	if v.k == kindFloat {
		return v.float()
	}
	return float64(v.int())
}

// truth is Python's bool(v).
func (v Value) truth() bool {
	switch v.k {
	case kindUndefined, kindNone:
		return false
	case kindBool, kindInt:
		return v.n != 0
	case kindFloat:
		return v.float() != 0
	case kindString:
		return v.s != ""
	case kindList, kindTuple, kindView:
		return len(v.slice()) != 0
	case kindDict:
		return v.dict().len() != 0
	default:
		return true
	}
}

// typeName is Python's type(v).__name__.
func (v Value) typeName() string {
	switch v.k {
	case kindUndefined:
		return "Undefined"
	case kindNone:
		return "NoneType"
	case kindBool:
		return "bool"
	case kindInt, kindBig:
		return "int"
	case kindFloat:
		return "float"
	case kindString:
		if v.n == isMarkup {
			return "Markup"
		}
		return "str"
	case kindList:
		return "list"
	case kindTuple:
		return "tuple"
	case kindView:
		return v.s
	case kindGenerator:
		return v.p.(*generator).name
	case kindDict:
		return "dict"
	case kindNamespace:
		return "Namespace"
	case kindLoop:
		return "LoopContext"
	case kindJoiner:
		return "Joiner"
	case kindCycler:
		return "Cycler"
	default:
	}
	if v.k == kindCallable {
		switch f := v.p.(*callable); {
		case f.macro != nil:
			return "Macro"
		case f.self.k == kindUndefined:
			return "function"
		case f.self.k == kindLoop || f.self.k == kindCycler:
			return "method"
		}
	}
	return "builtin_function_or_method"
}
