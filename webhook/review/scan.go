package review

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// maxDepth is how deep values may be in each other. Kubernetes' decoder takes more,
// which no pod needs.
const maxDepth = 1000

// span is where a value is in a text.
type span struct{ from, to int }

// object is an object of which some members are looked for.
type object struct {
	sought []*sought
	// unclear: a name is there twice, or could be, with escapes.
	unclear bool
}

// sought is a member that is looked for.
type sought struct {
	name string
	// at is where its value is; at.to is 0 if there is none.
	at span
	// within is what is looked for in the value, if that is an object.
	within *object
}

// meet takes note of a name, and returns who looks for it.
func (o *object) meet(name []byte) *sought {
	o.unclear = o.unclear || bytes.IndexByte(name, '\\') >= 0
	for _, s := range o.sought {
		if string(name) == s.name {
			o.unclear = o.unclear || s.at.to > 0
			return s
		}
	}
	return nil
}

// members walks over the object that begins at i, finds what is looked for in it, if
// anything is, and returns where it ends; ok says that there is one, and that all in it
// is JSON.
func members(text []byte, i, depth int, in *object) (end int, ok bool) {
	if i >= len(text) || text[i] != '{' || depth > maxDepth {
		return i, false
	}
	if i = space(text, i+1); i < len(text) && text[i] == '}' {
		return i + 1, true
	}
	for {
		if i, ok = member(text, i, depth, in); !ok {
			return i, false
		}
		switch i = space(text, i); {
		case i >= len(text):
			return i, false
		case text[i] == '}':
			return i + 1, true
		case text[i] != ',':
			return i, false
		}
		i = space(text, i+1)
	}
}

// member returns where the member of an object that begins at i ends.
func member(text []byte, i, depth int, of *object) (end int, ok bool) {
	if i >= len(text) || text[i] != '"' {
		return i, false
	}
	name := i + 1
	if i, ok = quoted(text, i); !ok {
		return i, false
	}
	var found *sought
	if of != nil {
		found = of.meet(text[name : i-1])
	}
	if i = space(text, i); i >= len(text) || text[i] != ':' {
		return i, false
	}
	i = space(text, i+1)
	if found == nil {
		return value(text, i, depth+1)
	}
	found.at.from = i
	if found.within != nil && i < len(text) && text[i] == '{' {
		i, ok = members(text, i, depth+1, found.within)
	} else {
		i, ok = value(text, i, depth+1)
	}
	found.at.to = i
	return i, ok
}

// value returns where the value that begins at i ends.
func value(text []byte, i, depth int) (end int, ok bool) {
	if i >= len(text) {
		return i, false
	}
	switch c := text[i]; {
	case c == '"':
		return quoted(text, i)
	case c == '{':
		return members(text, i, depth, nil)
	case c == '[':
		return items(text, i, depth)
	case c == '-' || '0' <= c && c <= '9':
		return number(text, i)
	default:
		return word(text, i)
	}
}

func items(text []byte, i, depth int) (end int, ok bool) {
	if depth > maxDepth {
		return i, false
	}
	if i = space(text, i+1); i < len(text) && text[i] == ']' {
		return i + 1, true
	}
	for {
		if i, ok = value(text, i, depth+1); !ok {
			return i, false
		}
		switch i = space(text, i); {
		case i >= len(text):
			return i, false
		case text[i] == ']':
			return i + 1, true
		case text[i] != ',':
			return i, false
		}
		i = space(text, i+1)
	}
}

// quoted returns where the string that begins at i ends.
func quoted(text []byte, i int) (end int, ok bool) {
	for i = plain(text, i+1); i < len(text); i = plain(text, i+1) {
		switch text[i] {
		case '"':
			return i + 1, true
		case '\\':
			if i = escaped(text, i+1); i < 0 {
				return len(text), false
			}
		default:
			return i, false
		}
	}
	return i, false
}

// plain returns where, from i on, there is a quote, a backslash or a control
// character. It looks at eight bytes at a time: in each of the three sums a byte has
// its highest bit set if it, or one before it, is what is looked for.
func plain(text []byte, i int) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; len(text)-i >= 8; i += 8 {
		eight := binary.LittleEndian.Uint64(text[i:])
		quote, backslash := eight^(each*'"'), eight^(each*'\\')
		if found := ((quote-each)&^quote | (backslash-each)&^backslash | (eight-each*' ')&^eight) & high; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(text) && text[i] != '"' && text[i] != '\\' && text[i] >= ' ' {
		i++
	}
	return i
}

// escaped returns where what follows a backslash has its last byte; negative: it is
// no escape.
func escaped(text []byte, i int) int {
	if i >= len(text) {
		return -1
	}
	if text[i] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), text[i]) < 0 {
			return -1
		}
		return i
	}
	if i+4 >= len(text) {
		return -1
	}
	for _, c := range text[i+1 : i+5] {
		if bytes.IndexByte([]byte("0123456789abcdefABCDEF"), c) < 0 {
			return -1
		}
	}
	return i + 4
}

func number(text []byte, i int) (end int, ok bool) {
	if text[i] == '-' {
		i++
	}
	from := i
	if i = digits(text, i); i == from || i-from > 1 && text[from] == '0' {
		return i, false
	}
	if i < len(text) && text[i] == '.' {
		from = i + 1
		if i = digits(text, from); i == from {
			return i, false
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		return exponent(text, i+1)
	}
	return i, true
}

func exponent(text []byte, i int) (end int, ok bool) {
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		i++
	}
	end = digits(text, i)
	return end, end > i
}

func digits(text []byte, i int) int {
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return i
}

func word(text []byte, i int) (end int, ok bool) {
	for _, w := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(text[i:], []byte(w)) {
			return i + len(w), true
		}
	}
	return i, false
}

// space returns where there is something else.
func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}
