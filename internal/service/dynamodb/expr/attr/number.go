package attr

import (
	"math/big"
	"strconv"
	"strings"
)

// DynamoDB's limits of a number.
const (
	// MaxDigits is how many significant digits a number may have.
	MaxDigits = 38
	// maxExp and minExp bound the exponent of the leading digit: magnitudes from
	// 1E-130 to 9.99…E+125.
	maxExp = 125
	minExp = -130
)

// The texts of a number's refusals. Which are wrapped, and how, depends on the
// operation; see Layer.
const (
	textOverflow  = "Number overflow. Attempting to store a number with magnitude larger than supported range"
	textUnderflow = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
	textDigits    = "Attempting to store more than 38 significant digits in a Number"
	textNotNumber = "The parameter cannot be converted to a numeric value"
)

// The four ways in which a text is no DynamoDB number.
var (
	ErrOverflow  = Refusal(textOverflow)
	ErrUnderflow = Refusal(textUnderflow)
	ErrDigits    = Refusal(textDigits)
	ErrNotNumber = Refusal(textNotNumber)
)

// Number is an exact decimal: ±0.d1d2d3… × 10^exp, with d1 and the last digit
// not zero. Zero has no digits.
type Number struct {
	neg    bool
	digits string
	exp    int
}

// ParseNumber reads a decimal text with an optional sign, fraction and
// exponent. The errors are ErrNotNumber, ErrOverflow, ErrUnderflow, ErrDigits.
func ParseNumber(text string) (Number, error) {
	s := text
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', s[1:]
	}
	mant, exp, err := splitExponent(s)
	if err != nil {
		return Number{}, err
	}
	intPart, frac, _ := strings.Cut(mant, ".")
	if intPart == "" && frac == "" || !allDigits(intPart) || !allDigits(frac) {
		return Number{}, ErrNotNumber
	}
	digits := intPart + frac
	trimmed := strings.TrimLeft(digits, "0")
	if trimmed == "" {
		// A zero is held to the range by the exponent it is written with.
		return Number{}, checkRange(addExp(exp, -len(frac)))
	}
	lead := len(intPart) - (len(digits) - len(trimmed)) // position of the point behind the leading digit's left
	trimmed = strings.TrimRight(trimmed, "0")
	if err := checkRange(addExp(exp, lead-1)); err != nil {
		return Number{}, err
	}
	if len(trimmed) > MaxDigits {
		return Number{}, ErrDigits
	}
	return Number{neg: neg, digits: trimmed, exp: int(exp) + lead}, nil
}

// FitsBigDecimal tells whether a number's exponent, and the scale that it leaves,
// fit 32 bits. Where AWS reads numbers as Java does, others cannot be read at all.
func FitsBigDecimal(text string) bool {
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return true
	}
	exp, err := strconv.ParseInt(text[i+1:], 10, 32)
	if err != nil {
		return !allDigits(strings.TrimLeft(text[i+1:], "+-")) || i+1 == len(text)
	}
	_, frac, _ := strings.Cut(text[:i], ".")
	scale := int64(len(frac)) - exp
	return scale >= -1<<31+1 && scale <= 1<<31-1
}

// addExp adds without wrapping; the sum only has to be on the right side of the range.
func addExp(exp int64, d int) int64 {
	const far = 1 << 40
	if exp > far {
		return far
	}
	if exp < -far {
		return -far
	}
	return exp + int64(d)
}

func checkRange(e int64) error {
	switch {
	case e > maxExp:
		return ErrOverflow
	case e < minExp:
		return ErrUnderflow
	}
	return nil
}

func splitExponent(s string) (mant string, exp int64, err error) {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return s, 0, nil
	}
	e := s[i+1:]
	body := strings.TrimPrefix(strings.TrimPrefix(e, "+"), "-")
	if body == "" || !allDigits(body) || len(e)-len(body) > 1 {
		return "", 0, ErrNotNumber
	}
	exp, perr := strconv.ParseInt(e, 10, 64)
	if perr != nil {
		return "", 0, ErrNotNumber // an exponent past 64 bits cannot be converted at all
	}
	return s[:i], exp, nil
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// mustNumber reads a canonical text. Only normalized values reach it, so that a
// failure can only be damage in memory; it then reads as zero rather than panic.
func mustNumber(s string) Number {
	n, err := ParseNumber(s)
	if err != nil {
		return Number{}
	}
	return n
}

// IntNumber is the number of an integer.
func IntNumber(i int64) Number { return mustNumber(strconv.FormatInt(i, 10)) }

// IsZero tells whether n is zero.
func (n Number) IsZero() bool { return n.digits == "" }

// String is the canonical plain decimal: no exponent, no leading or trailing zeros.
func (n Number) String() string {
	if n.digits == "" {
		return "0"
	}
	var b strings.Builder
	b.Grow(len(n.digits) + 4)
	if n.neg {
		b.WriteByte('-')
	}
	switch {
	case n.exp <= 0:
		b.WriteString("0.")
		writeZeros(&b, -n.exp)
		b.WriteString(n.digits)
	case n.exp >= len(n.digits):
		b.WriteString(n.digits)
		writeZeros(&b, n.exp-len(n.digits))
	default:
		b.WriteString(n.digits[:n.exp])
		b.WriteByte('.')
		b.WriteString(n.digits[n.exp:])
	}
	return b.String()
}

func writeZeros(b *strings.Builder, n int) {
	for ; n > 0; n-- {
		b.WriteByte('0')
	}
}

// Compare orders numbers: -1, 0 or 1.
func (n Number) Compare(o Number) int {
	sn, so := n.sign(), o.sign()
	if sn != so {
		return cmpInt(sn, so)
	}
	if sn == 0 {
		return 0
	}
	c := cmpInt(n.exp, o.exp)
	if c == 0 {
		c = strings.Compare(n.digits, o.digits)
	}
	return c * sn
}

func cmpInt(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (n Number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.neg:
		return -1
	}
	return 1
}

// Neg is -n.
func (n Number) Neg() Number {
	if n.digits != "" {
		n.neg = !n.neg
	}
	return n
}

// Add is the exact sum. ErrDigits, ErrOverflow and ErrUnderflow tell that it is
// no DynamoDB number.
func (n Number) Add(o Number) (Number, error) {
	if n.IsZero() {
		return o, nil
	}
	if o.IsZero() {
		return n, nil
	}
	if r, ok := addSmall(n, o); ok {
		return r, nil
	}
	low := min(n.exp-len(n.digits), o.exp-len(o.digits))
	sum := new(big.Int).Add(n.scaled(low), o.scaled(low))
	if sum.Sign() == 0 {
		return Number{}, nil
	}
	return ParseNumber(sum.String() + "E" + strconv.Itoa(low))
}

// Sub is the exact difference, with the errors of Add.
func (n Number) Sub(o Number) (Number, error) { return n.Add(o.Neg()) }

// addSmall is the path of counters: two integers that fit a machine word.
func addSmall(a, b Number) (Number, bool) {
	x, ok := a.small()
	if !ok {
		return Number{}, false
	}
	y, ok := b.small()
	if !ok {
		return Number{}, false
	}
	return IntNumber(x + y), true
}

// small is n as an integer below 10^17, if it is one.
func (n Number) small() (int64, bool) {
	if n.exp < len(n.digits) || n.exp > 17 {
		return 0, false
	}
	var v int64
	for i := 0; i < n.exp; i++ {
		v *= 10
		if i < len(n.digits) {
			v += int64(n.digits[i] - '0')
		}
	}
	if n.neg {
		v = -v
	}
	return v, true
}

// scaled is n × 10^-low as an integer; low must not exceed n's lowest digit.
func (n Number) scaled(low int) *big.Int {
	i, _ := new(big.Int).SetString(n.digits, 10)
	shift := n.exp - len(n.digits) - low
	i.Mul(i, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(shift)), nil))
	if n.neg {
		i.Neg(i)
	}
	return i
}

// Int64 is n as an integer, and false if it is none or does not fit.
func (n Number) Int64() (int64, bool) {
	if n.digits == "" {
		return 0, true
	}
	if n.exp < len(n.digits) || n.exp > 19 {
		return 0, false
	}
	v, err := strconv.ParseInt(n.String(), 10, 64)
	return v, err == nil
}

// size is what AWS counts for the number: a byte, and one for every begun pair
// of significant digits on either side of the point, and one for a minus sign.
func (n Number) size() int {
	if n.digits == "" {
		return 1
	}
	whole := max(0, min(n.exp, len(n.digits)))
	size := 1 + (whole+1)/2 + (len(n.digits)-whole+1)/2
	if n.neg {
		size++
	}
	return size
}
