package sharing

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	// maxValues and maxStrings are how much of each a generation holds, and there are
	// two of them. Values are some hundred bytes each.
	maxValues  = 512
	maxStrings = 4096
	// longest is the longest string among strings, in bytes; longer ones are values.
	longest = 256
)

// kind says what a value is, so that nothing is taken for something else that is
// encoded alike.
type kind byte

// message is a part of the API that has one encoding.
type message interface {
	Size() int
	MarshalToSizedBuffer(buffer []byte) (int, error)
}

// digest stands for a value: equal ones are the same.
type digest [sha256.Size]byte

// pool finds what was put into it lately. What is found again stays; what is not goes
// when twice as much came after it.
type pool struct {
	values  generations[digest, any]
	strings generations[string, string]
	buffer  []byte
}

// generations is a map that forgets.
type generations[K comparable, V any] struct{ young, old map[K]V }

// get returns what there is, or keeps the value and returns that.
func (g *generations[K, V]) get(key K, value V, limit int) V {
	if known, found := g.young[key]; found {
		return known
	}
	if known, found := g.old[key]; found {
		value = known
	}
	if g.young == nil || len(g.young) >= limit {
		g.young, g.old = map[K]V{}, g.young
	}
	g.young[key] = value
	return value
}

// text returns an equal string.
func (p *pool) text(s string) string {
	if s == "" {
		return s
	}
	if len(s) > longest {
		p.begin(longText)
		p.buffer = append(p.buffer, s...)
		return found(p, s)
	}
	return p.strings.get(s, s, maxStrings)
}

// begin starts the encoding of a value.
func (p *pool) begin(k kind) { p.buffer = append(p.buffer[:0], byte(k)) }

// add appends a part of it; parts are told apart by their sizes.
func (p *pool) add(part message) bool {
	size := part.Size()
	p.buffer = binary.LittleEndian.AppendUint32(p.buffer, uint32(size))
	begin := len(p.buffer)
	p.buffer = append(p.buffer, make([]byte, size)...)
	_, err := part.MarshalToSizedBuffer(p.buffer[begin:])
	return err == nil
}

// found returns the value that was encoded, or an equal one.
func found[T any](p *pool, value T) T {
	known, isOne := p.values.get(sha256.Sum256(p.buffer), value, maxValues).(T)
	if !isOne {
		return value
	}
	return known
}

// pointer returns what is equal to what item points to.
func pointer[T any, P interface {
	*T
	message
}](p *pool, k kind, item *T) *T {
	if item == nil {
		return nil
	}
	p.begin(k)
	if !p.add(P(item)) {
		return item
	}
	return found(p, item)
}

// list returns an equal list.
func list[T any, P interface {
	*T
	message
}](p *pool, k kind, items []T) []T {
	if len(items) == 0 {
		return items
	}
	p.begin(k)
	for i := range items {
		if !p.add(P(&items[i])) {
			return items
		}
	}
	return found(p, tight(items))
}

// tight is a list without the room that decoding leaves at its end.
func tight[T any](items []T) []T {
	if cap(items)-len(items) < 2 {
		return items
	}
	return append(make([]T, 0, len(items)), items...)
}
