package eventsource

import (
	"errors"

	"github.com/leatdev/leat/eventpattern"
	"github.com/leatdev/leat/internal/service/eventsource/machine"
	"github.com/leatdev/leat/kpl"
)

// payload is what a record carries until it is admitted.
type payload struct {
	deliver []byte // what the function gets as data
	filter  []byte // what filters look into
	change  *Change
	reason  string // why the record could not be decoded
}

// prepare turns records of the stream into those of the machine: opens
// aggregated ones and decodes by schema where the mapping asks for it. When the
// decoder is out of reach it gives what came before, and the rest.
func (w *worker) prepare(list []StreamRecord) (records []machine.Record, rest []StreamRecord, err error) {
	records = make([]machine.Record, 0, len(list))
	payloads := make([]payload, 0, len(list))
	registry, format := w.r.mapping.decoding()
	for i := range list {
		in := &list[i]
		rec := machine.Record{Sequence: in.Sequence, Key: in.PartitionKey, Arrived: in.Arrived}
		if in.Change != nil {
			rec.Key = string(in.Change.Keys)
			rec.Item = &payload{change: in.Change}
			records = append(records, rec)
			continue
		}
		parts := []kpl.UserRecord{{PartitionKey: in.PartitionKey, Data: in.Data}}
		if w.r.mapping.deaggregates() {
			parts, _ = kpl.Deaggregate(in.PartitionKey, in.Data)
			if len(parts) == 0 {
				continue // an aggregated record of no user records
			}
		}
		mark := len(records)
		for k := range parts {
			p := payload{deliver: parts[k].Data, filter: parts[k].Data}
			if registry != "" {
				if err := w.decode(registry, format, &p); err != nil {
					return records[:mark], list[i:], err
				}
			}
			payloads = append(payloads, p)
			rec.Key, rec.More = parts[k].PartitionKey, k < len(parts)-1
			rec.Item = &payloads[len(payloads)-1]
			records = append(records, rec)
		}
	}
	return records, nil, nil
}

func (w *worker) decode(registry string, format recordFormat, p *payload) error {
	d, err := w.r.s.opts.Decoder.Decode(w.r.ctx, registry, p.filter)
	if errors.Is(err, ErrUndecodable) {
		p.reason = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	p.filter = d.JSON
	switch format {
	case formatJSON:
		p.deliver = d.JSON
	case formatSource:
		p.deliver = d.Source
	}
	return nil
}

// admit judges a record by the mapping's filters and renders it for the event.
func (w *worker) admit(rec *machine.Record) machine.Verdict {
	p := rec.Item.(*payload)
	rec.Item = nil
	if p.change != nil {
		rec.Data = w.r.appendDynamoRecord(nil, rec, p.change)
		rec.Size = len(rec.Data)
		return w.verdict(w.r.filter.Match(rec.Data, nil))
	}
	verdict := machine.Reject
	if rec.Reason = p.reason; p.reason == "" {
		verdict = w.verdict(w.r.filter.Match(w.metadata(rec), p.filter))
	}
	if verdict != machine.Drop {
		// The frame around data is shorter than this but for long names.
		size := 512 + len(rec.Key) + len(w.r.mapping.SourceARN) + len(w.r.function.Role) + (len(p.deliver)+2)/3*4
		rec.Data = w.r.appendKinesisRecord(make([]byte, 0, size), w.shard, rec, p.deliver)
		rec.Size = len(rec.Data)
	}
	return verdict
}

func (w *worker) metadata(rec *machine.Record) []byte {
	if !w.r.filter.NeedsMetadata() {
		return nil
	}
	w.scratch = append(appendKinesisMetadata(w.scratch[:0], rec.Key, rec.Sequence, rec.Arrived), '}')
	return w.scratch
}

func (w *worker) verdict(v eventpattern.Verdict) machine.Verdict {
	switch v {
	case eventpattern.Matched:
		return machine.Accept
	case eventpattern.NotJSON:
		w.r.counts.notJSON.Add(1)
	}
	return machine.Drop
}
