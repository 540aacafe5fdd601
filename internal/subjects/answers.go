package subjects

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/leatdev/leat/internal/kv"
)

// Look-ups by id are what deserialisers do all the time, and nearly always of the same few schemas. Their answers are kept together with the
// edition of the registry that gave them: a number in the store that every change advances, whoever makes it. An answer of
// another edition is not used; to compare editions is one small read.

// Limits of the kept answers.
const (
	maxAnswers     = 1000
	maxAnswerBytes = 64 << 10 // of one text; a larger one is read again
)

type question struct {
	account string // the prefix of its keys
	name    Name
	id      int
}

type answer struct {
	edition uint64
	version Version
}

type answers struct {
	mu   sync.RWMutex
	byID map[question]answer
}

func (a *answers) recall(q question, edition uint64) (Version, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	found, ok := a.byID[q]
	return found.version, ok && found.edition == edition
}

func (a *answers) keep(q question, edition uint64, v Version) {
	if len(v.Canonical)+len(v.Definition) > maxAnswerBytes {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.byID) >= maxAnswers {
		for old := range a.byID { // any one will do
			delete(a.byID, old)
			break
		}
	}
	a.byID[q] = answer{edition, v}
}

func (v view) edition() (uint64, error) {
	b, ok, err := v.r.Get(v.key("e"))
	switch {
	case err != nil || !ok:
		return 0, err
	case len(b) != 9 || b[0] != recordVersion:
		return 0, fmt.Errorf("%w: the edition of the schema registry", kv.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

// advance begins a new edition.
func (e *edit) advance() error {
	now, err := e.edition()
	if err != nil {
		return err
	}
	return e.w.Set(e.key("e"), binary.BigEndian.AppendUint64([]byte{recordVersion}, now+1))
}
