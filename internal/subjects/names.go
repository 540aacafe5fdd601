package subjects

import (
	"strings"
	"unicode/utf8"
)

// DefaultContext is the context of a subject that does not name one; Glue calls it default-registry.
const DefaultContext = "."

// DefaultRegistry is Glue's name of the default context.
const DefaultRegistry = "default-registry"

// ParseName reads a subject as Confluent writes it: "subject", or ":.context:subject" for another context than the default.
func ParseName(qualified string) Name {
	if rest, ok := strings.CutPrefix(qualified, ":."); ok {
		if ctx, subject, ok := strings.Cut(rest, ":"); ok {
			return Name{Context: "." + ctx, Subject: subject}
		}
	}
	return Name{Context: DefaultContext, Subject: qualified}
}

// String is the inverse of ParseName.
func (n Name) String() string {
	if n.Context == DefaultContext || n.Context == "" {
		return n.Subject
	}
	return ":" + n.Context + ":" + n.Subject
}

// valid tells whether a name may be registered. The context .default-registry is not: Glue has that name for the default context.
func (n Name) valid() bool {
	return n.Subject != "" && validPart(n.Subject) && strings.HasPrefix(n.Context, ".") && validPart(n.Context) &&
		!strings.Contains(n.Context, ":") && n.Context != "."+DefaultRegistry
}

func validPart(s string) bool {
	if len(s) > MaxNameBytes || !utf8.ValidString(s) || s == "__GLOBAL" || s == "__EMPTY" {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// RegistryName is Glue's name of a context.
func RegistryName(context string) string {
	if context == DefaultContext {
		return DefaultRegistry
	}
	return EscapeGlue(strings.TrimPrefix(context, "."))
}

// ContextOf is the context of a Glue registry.
func ContextOf(registry string) string {
	if registry == DefaultRegistry {
		return DefaultContext
	}
	return "." + UnescapeGlue(registry)
}

// Glue allows letters, digits and - _ $ # . in names; Confluent allows nearly anything in a subject. A byte that
// Glue forbids is written as $XX, two upper-case hexadecimal digits. A dollar sign that happens to look like such an escape is itself
// written as $24. Every other dollar sign stays, so that names made through Glue are the same on both sides; the
// mapping is one to one in both directions.

// EscapeGlue turns a subject into a Glue schema name.
func EscapeGlue(subject string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(subject); i++ {
		c := subject[i]
		switch {
		case c == '$' && isEscape(subject[i:]):
			b.WriteString("$24")
		case glueByte(c):
			b.WriteByte(c)
		default:
			b.WriteByte('$')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// UnescapeGlue is the inverse of EscapeGlue.
func UnescapeGlue(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if !isEscape(name[i:]) {
			b.WriteByte(name[i])
			continue
		}
		c, _ := hexByte(name[i+1:])
		b.WriteByte(c)
		i += 2
	}
	return b.String()
}

// isEscape tells whether s begins with an escape: of a byte that needs one, or of a dollar sign that stands before what would
// otherwise be an escape.
func isEscape(s string) bool {
	for len(s) > 0 && s[0] == '$' {
		c, ok := hexByte(s[1:])
		if !ok {
			return false
		}
		if c != '$' {
			return !glueByte(c)
		}
		if len(s) < 4 {
			return false
		}
		s = "$" + s[3:]
	}
	return false
}

func hexByte(s string) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	hi, lo := strings.IndexByte("0123456789ABCDEF", s[0]), strings.IndexByte("0123456789ABCDEF", s[1])
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

func glueByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_$#.", c) >= 0
}
