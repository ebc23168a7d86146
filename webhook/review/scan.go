package review

import "bytes"

// maxDepth is how deep values may be in each other. Kubernetes' decoder takes more,
// which no pod needs.
const maxDepth = 1000

// span is where a value is in a text.
type span struct{ from, to int }

// members calls found for each member of the object that begins at i, with its name as
// it is written, and returns where the object ends; ok says that there is one, and
// that all in it is JSON.
func members(text []byte, i, depth int, found func(name []byte, value span)) (end int, ok bool) {
	if i >= len(text) || text[i] != '{' || depth > maxDepth {
		return i, false
	}
	if i = space(text, i+1); i < len(text) && text[i] == '}' {
		return i + 1, true
	}
	for {
		name, at, ok := member(text, i, depth)
		if !ok {
			return i, false
		}
		found(name, at)
		switch i = space(text, at.to); {
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

// member returns the member of an object that begins at i.
func member(text []byte, i, depth int) (name []byte, at span, ok bool) {
	if i >= len(text) || text[i] != '"' {
		return nil, span{}, false
	}
	end, ok := quoted(text, i)
	if !ok {
		return nil, span{}, false
	}
	name = text[i+1 : end-1]
	if i = space(text, end); i >= len(text) || text[i] != ':' {
		return nil, span{}, false
	}
	at.from = space(text, i+1)
	at.to, ok = value(text, at.from, depth+1)
	return name, at, ok
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
		return members(text, i, depth, func([]byte, span) {})
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
	for i++; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, true
		case c < ' ':
			return i, false
		case c == '\\':
			if i = escaped(text, i+1); i < 0 {
				return len(text), false
			}
		}
	}
	return i, false
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
