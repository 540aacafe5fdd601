package dynamodb

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxOf keeps the ceilings that a request names, on top of those that stood: a member
// that is absent leaves its ceiling as it was, -1 takes it away.
func maxOf(was *MaxThroughput, d *types.OnDemandThroughput) *MaxThroughput {
	if d == nil {
		return was
	}
	var m MaxThroughput
	if was != nil {
		m = *was
	}
	if d.MaxReadRequestUnits != nil {
		m.Read = *d.MaxReadRequestUnits
	}
	if d.MaxWriteRequestUnits != nil {
		m.Write = *d.MaxWriteRequestUnits
	}
	m.Read, m.Write = max(m.Read, 0), max(m.Write, 0)
	if m == (MaxThroughput{}) {
		return nil
	}
	return &m
}

// describeMax shows the ceilings that stand.
func describeMax(m *MaxThroughput) *types.OnDemandThroughput {
	if m == nil {
		return nil
	}
	var d types.OnDemandThroughput
	if m.Read > 0 {
		d.MaxReadRequestUnits = &m.Read
	}
	if m.Write > 0 {
		d.MaxWriteRequestUnits = &m.Write
	}
	if d == (types.OnDemandThroughput{}) {
		return nil
	}
	return &d
}

// checkMax refuses ceilings where none may be, or out of range; index is "" for the
// table itself. CreateTable and UpdateTable word it a little differently.
func checkMax(d *types.OnDemandThroughput, onDemand bool, index string, update bool) error {
	if d == nil {
		return nil
	}
	least, place, colon := int64(1), "table", ""
	if update {
		least, colon = -1, " "
	}
	if index != "" {
		place = "index : " + index
	}
	for _, m := range []struct {
		name string
		v    *int64
	}{{"MaxReadRequestUnits", d.MaxReadRequestUnits}, {"MaxWriteRequestUnits", d.MaxWriteRequestUnits}} {
		switch {
		case m.v == nil:
		case !onDemand:
			of := ""
			if index != "" {
				of = " for index" + colon + ": " + index
			}
			if update {
				return invalidParam("%s for OnDemandThroughput%s cannot be specified when the table BillingMode is PROVISIONED", m.name, of)
			}
			return invalidParam("%s for OnDemandThroughput%s cannot be specified when table BillingMode is PROVISIONED.", m.name, of)
		case *m.v < least || *m.v == 0:
			return invalidParam("Requested %s for OnDemandThroughput for %s is outside of valid range", m.name, place)
		}
	}
	return nil
}

// Warm throughput of a new on-demand table.
const (
	warmRead  = 12_000
	warmWrite = 4_000
)

// warmUnits is what a table or index is warm for: what was asked for, and never less
// than what it starts with.
func warmUnits(t *Table, warm *Throughput, prov Throughput) (read, write *int64) {
	r, w := prov.Read, prov.Write
	if t.OnDemand {
		r, w = warmRead, warmWrite
	}
	if warm != nil {
		r, w = max(r, warm.Read), max(w, warm.Write)
	}
	return &r, &w
}

// warmOf keeps the warm throughput that a request names, on top of what stood.
func warmOf(was *Throughput, w *types.WarmThroughput) *Throughput {
	if w == nil || w.ReadUnitsPerSecond == nil && w.WriteUnitsPerSecond == nil {
		return was
	}
	var out Throughput
	if was != nil {
		out = *was
	}
	if w.ReadUnitsPerSecond != nil {
		out.Read = *w.ReadUnitsPerSecond
	}
	if w.WriteUnitsPerSecond != nil {
		out.Write = *w.WriteUnitsPerSecond
	}
	return &out
}

// checkWarm refuses warm throughput below what is warm already; index is "" for the table itself.
func checkWarm(t *Table, w *types.WarmThroughput, was *Throughput, prov Throughput, index string, update bool) error {
	if w == nil {
		return nil
	}
	place := "table"
	if index != "" {
		place = "index " + index
	}
	read, write := warmUnits(t, was, prov)
	for _, m := range []struct {
		name, units string
		v           *int64
		least       int64
	}{{"ReadUnitsPerSecond", "ReadCapacityUnits", w.ReadUnitsPerSecond, *read}, {"WriteUnitsPerSecond", "WriteCapacityUnits", w.WriteUnitsPerSecond, *write}} {
		switch {
		case m.v == nil || *m.v >= m.least:
		case update:
			return invalidParam("Requested %s for WarmThroughput for %s is lower than current WarmThroughput, decreasing WarmThroughput is not supported", m.name, place)
		case t.OnDemand:
			return invalidParam("Requested %s for WarmThroughput for %s is lower than initial throughput for OnDemand. See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial", m.name, place)
		default:
			return invalidParam("Requested %s for WarmThroughput for %s is lower than %s of ProvisionedThroughput", m.name, place, m.units)
		}
	}
	return nil
}
