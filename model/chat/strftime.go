package chat

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// strftime formats a local time without a zone as Python's datetime.strftime does on Linux in the C
// locale, where - in front of a letter leaves out padding, _ pads with spaces and 0 with zeros.
func strftime(t time.Time, format string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		flag := byte(0)
		if i+1 < len(format) && strings.IndexByte("-_0^", format[i+1]) >= 0 {
			i++
			flag = format[i]
		}
		i++
		if i >= len(format) {
			return "", fmt.Errorf("format time %q: the format ends inside a directive", format)
		}
		text, err := directive(t, format[i], flag)
		if err != nil {
			return "", fmt.Errorf("format time %q: %w", format, err)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// padded writes n with at least width digits, or as the flag says.
func padded(n, width int, fill, flag byte) string {
	s := strconv.Itoa(n)
	switch flag {
	case '-':
		return s
	case '_':
		fill = ' '
	case '0':
		fill = '0'
	}
	for len(s) < width {
		s = string(fill) + s
	}
	return s
}

func hour12(t time.Time) int { return (t.Hour()+11)%12 + 1 }

func directive(t time.Time, c, flag byte) (string, error) {
	zero := func(n, width int) (string, error) { return padded(n, width, '0', flag), nil }
	space := func(n, width int) (string, error) { return padded(n, width, ' ', flag), nil }
	name := func(s string) (string, error) {
		if flag == '^' {
			s = strings.ToUpper(s)
		}
		return s, nil
	}
	monday := (int(t.Weekday()) + 6) % 7
	year, week := t.ISOWeek()
	switch c {
	case 'Y':
		return strconv.Itoa(t.Year()), nil
	case 'C':
		return zero(t.Year()/100, 2)
	case 'y':
		return zero(t.Year()%100, 2)
	case 'G':
		return strconv.Itoa(year), nil
	case 'g':
		return zero(year%100, 2)
	case 'V':
		return zero(week, 2)
	case 'U':
		return zero((t.YearDay()+6-int(t.Weekday()))/7, 2)
	case 'W':
		return zero((t.YearDay()+6-monday)/7, 2)
	case 'm':
		return zero(int(t.Month()), 2)
	case 'B':
		return name(t.Month().String())
	case 'b', 'h':
		return name(t.Month().String()[:3])
	case 'd':
		return zero(t.Day(), 2)
	case 'e':
		return space(t.Day(), 2)
	case 'j':
		return zero(t.YearDay(), 3)
	case 'A':
		return name(t.Weekday().String())
	case 'a':
		return name(t.Weekday().String()[:3])
	case 'w':
		return zero(int(t.Weekday()), 1)
	case 'u':
		return zero(monday+1, 1)
	case 'H':
		return zero(t.Hour(), 2)
	case 'k':
		return space(t.Hour(), 2)
	case 'I':
		return zero(hour12(t), 2)
	case 'l':
		return space(hour12(t), 2)
	case 'M':
		return zero(t.Minute(), 2)
	case 'S':
		return zero(t.Second(), 2)
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000), nil
	case 's':
		return strconv.FormatInt(t.Unix(), 10), nil
	case 'p':
		return t.Format("PM"), nil
	case 'P':
		return t.Format("pm"), nil
	case 'Z', 'z':
		return "", nil
	case 'D', 'x':
		return t.Format("01/02/06"), nil
	case 'F':
		return t.Format("2006-01-02"), nil
	case 'R':
		return t.Format("15:04"), nil
	case 'T', 'X':
		return t.Format("15:04:05"), nil
	case 'r':
		return t.Format("03:04:05 PM"), nil
	case 'c':
		return t.Format("Mon Jan _2 15:04:05 2006"), nil
	case 'n':
		return "\n", nil
	case 't':
		return "\t", nil
	case '%':
		return "%", nil
	}
	return "", fmt.Errorf("directive %%%c is not supported", c)
}
