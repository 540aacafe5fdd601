package cloudwatch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/cloudwatch/expr"
)

// Limits of GetMetricData.
const (
	maxQueries        = 500
	maxDataDatapoints = 100_800
	maxComputed       = 2_000_000 // datapoints that the expressions of a request make, intermediate ones included
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

// GetMetricData reads statistics of many metrics by period, and computes metric math of them.
//
// Limits: 500 queries, 100,800 datapoints per page, a million stored points read, two million computed.
// Errors: ValidationError, InvalidNextToken.
// Differs: metric math has + - * / ^, SUM, AVG, MIN, MAX, ABS, CEIL, FLOOR, FILL, METRICS and PERIOD; other functions,
// SEARCH, Metrics Insights queries and dynamic labels (hence LabelOptions) are refused; percentiles as GetMetricStatistics.
func (s *Service) GetMetricData(ctx context.Context, in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	g, err := s.checkData(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := s.Flush(ctx); err != nil {
		s.log.Warn("figures of the platform's own were not written", "error", err)
	}
	err = s.store.View(ctx, func(r kv.Reader) error { return g.read(r) })
	if errors.Is(err, errScanned) {
		return nil, aws.Errorf(badQuery, "The request reads more than %d stored points. Decrease the time range or the number of queries.", maxScanned)
	}
	if err != nil {
		return nil, err
	}
	var results []types.MetricDataResult
	for i := range in.MetricDataQueries {
		v, err := g.value(g.order[i])
		if err != nil {
			return nil, err
		}
		if q := g.queries[g.order[i]]; !q.hidden {
			results = append(results, g.render(q, v)...)
		}
	}
	return page(in, results)
}

// data is one GetMetricData under way.
type data struct {
	now        time.Time
	start, end time.Time
	ascending  bool
	order      []string
	queries    map[string]*dataQuery
	budget     int64
}

// dataQuery is one of its queries.
type dataQuery struct {
	id, label string
	hidden    bool
	// A metric:
	metric *series
	span   span
	stat   stat
	// or an expression:
	expr *expr.Expr

	value  expr.Value
	done   bool
	asking bool // its value is being computed: who asks again is in a circle
}

// checkData checks a request whole before anything is read.
func (s *Service) checkData(ctx context.Context, in *cloudwatch.GetMetricDataInput) (*data, error) {
	c := &checks{}
	fail := func(format string, args ...any) { c.fail(badQuery, format, args...) }
	switch {
	case in.StartTime == nil:
		fail("The parameter StartTime is required.")
	case in.EndTime == nil:
		fail("The parameter EndTime is required.")
	case !in.StartTime.Before(*in.EndTime):
		fail("The parameter StartTime must be less than the parameter EndTime.")
	}
	if len(in.MetricDataQueries) == 0 {
		fail("The parameter MetricDataQueries is required.")
	}
	if len(in.MetricDataQueries) > maxQueries {
		fail("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	if in.MaxDatapoints != nil && (*in.MaxDatapoints < 1 || *in.MaxDatapoints > maxDataDatapoints) {
		fail("The parameter MaxDatapoints must be between 1 and %d.", maxDataDatapoints)
	}
	if in.ScanBy != "" && !slices.Contains(in.ScanBy.Values(), in.ScanBy) {
		fail("The parameter ScanBy must be a value in the set [ TimestampDescending, TimestampAscending ].")
	}
	if in.LabelOptions != nil {
		fail("The parameter LabelOptions is not supported: it is for dynamic labels.")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	g := &data{now: s.clock.Now(), start: *in.StartTime, end: *in.EndTime, ascending: in.ScanBy == types.ScanByTimestampAscending, budget: maxComputed, queries: map[string]*dataQuery{}}
	for i := range in.MetricDataQueries {
		c.query(fmt.Sprintf("MetricDataQueries.member.%d.", i+1), placeOf(ctx), &in.MetricDataQueries[i], g)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return g, g.references()
}

// query checks one query and adds it to g.
func (c *checks) query(at string, p place, in *types.MetricDataQuery, g *data) {
	fail := func(format string, args ...any) { c.fail(badQuery, format, args...) }
	id := deref(in.Id)
	q := &dataQuery{id: id, label: deref(in.Label), hidden: in.ReturnData != nil && !*in.ReturnData}
	switch {
	case !queryID.MatchString(id) || len(id) > maxName:
		fail("The value %s for parameter %sId is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", id, at)
	case g.queries[id] != nil:
		fail("The values for parameter id in MetricDataQueries are not unique.")
	}
	if in.AccountId != nil && *in.AccountId != p.account {
		fail("The parameter %sAccountId names another account than the caller's.", at)
	}
	if strings.Contains(q.label, "${") {
		fail("The parameter %sLabel: dynamic labels are not supported.", at)
	}
	switch {
	case in.Expression != nil && in.MetricStat != nil:
		fail("The parameters %sExpression and %sMetricStat are mutually exclusive and you have specified both.", at, at)
	case in.Expression != nil:
		// The expression's period follows from its metrics; another one would be ignored.
		if in.Period != nil {
			fail("The parameter %sPeriod is not supported for expressions.", at)
		}
		e, err := expr.Parse(*in.Expression)
		if err != nil {
			fail("Error in expression '%s': %s.", id, err)
		}
		q.expr = e
	case in.MetricStat != nil:
		c.metricStat(at+"MetricStat.", p, in.MetricStat, q, g)
		if q.label == "" && q.metric != nil {
			q.label = q.metric.name
		}
	default:
		fail("At least one of the parameters %sExpression and %sMetricStat must be specified.", at, at)
	}
	if q.label == "" {
		q.label = id
	}
	g.queries[id] = q
	g.order = append(g.order, id)
}

// metricStat checks the metric of a query.
func (c *checks) metricStat(at string, p place, in *types.MetricStat, q *dataQuery, g *data) {
	fail := func(format string, args ...any) { c.fail(badQuery, format, args...) }
	st, ok := parseStat(deref(in.Stat))
	if !ok {
		fail("The value %s for parameter %sStat is not a valid statistic.", deref(in.Stat), at)
	}
	if in.Period == nil || !validPeriod(*in.Period) {
		fail("The parameter %sPeriod must be 1, 5, 10, 20, 30 or a multiple of 60.", at)
		return
	}
	if in.Metric == nil {
		fail("The parameter %sMetric is required.", at)
		return
	}
	m := &checks{}
	m.namespace(in.Metric.Namespace, false)
	m.text(at+"Metric.MetricName", in.Metric.MetricName, maxName)
	dims := m.dimensions(at+"Metric.Dimensions", in.Metric.Dimensions)
	m.unit(at+"Unit", in.Unit)
	for _, line := range m.lines {
		fail("%s", line)
	}
	q.stat = st
	q.metric = &series{p, deref(in.Metric.Namespace), deref(in.Metric.MetricName), encodeDims(dims)}
	period := int64(*in.Period)
	q.span = span{start: roundStart(g.now, g.start, period), end: g.end.Unix(), period: period, unit: string(in.Unit), percentiles: st.isPct}
}

// references checks that expressions speak of what there is, and not in circles.
func (g *data) references() error {
	for _, id := range g.order {
		if q := g.queries[id]; q.expr != nil {
			for _, ref := range q.expr.Refs {
				if g.queries[ref] == nil {
					return aws.Errorf(badQuery, "Error in expression '%s': undefined variable %s.", id, ref)
				}
			}
		}
	}
	return nil
}

// read reads the metrics.
func (g *data) read(r kv.Reader) error {
	budget := maxScanned
	for _, id := range g.order {
		q := g.queries[id]
		if q.metric == nil {
			continue
		}
		found, err := read(r, *q.metric, q.span, &budget)
		if err != nil {
			return err
		}
		out := &expr.Series{Label: q.label, Period: q.span.period, Points: make(map[int64]float64, len(found))}
		for at, p := range allUnits(found) {
			if v, ok := q.stat.of(p); ok {
				out.Points[at] = v
			}
		}
		q.value, q.done = expr.Value{Series: []*expr.Series{out}}, true
	}
	return nil
}

// allUnits sums up the units of each period: a query that names no unit has one value for it.
func allUnits(found map[bucket]*point) map[int64]*point {
	out := make(map[int64]*point, len(found))
	for at, p := range found {
		if sum := out[at.at]; sum != nil {
			sum.merge(p)
		} else {
			out[at.at] = p
		}
	}
	return out
}

// value computes a query.
func (g *data) value(id string) (expr.Value, error) {
	q := g.queries[id]
	if q.done {
		return q.value, nil
	}
	if q.asking {
		return expr.Value{}, fmt.Errorf("%s refers to itself", id)
	}
	q.asking = true
	defer func() { q.asking = false }()
	v, err := q.expr.Eval(&expr.Scope{
		Lookup: g.value, Metrics: g.metrics, Start: g.gridStart(), End: g.end.Unix(), Budget: &g.budget,
	})
	if err == nil && v.IsNumber() {
		err = errors.New("the result is a number; a query returns time series")
		if q.hidden {
			err = nil // another expression may use it
		}
	}
	if _, told := aws.AsError(err); err != nil && !told {
		err = aws.Errorf(badQuery, "Error in expression '%s': %s.", id, err)
	}
	q.value, q.done = v, err == nil
	return v, err
}

// gridStart is the first time that series of this request may have.
func (g *data) gridStart() int64 {
	start := g.start.Unix()
	for _, q := range g.queries {
		if q.metric != nil {
			start = min(start, q.span.start)
		}
	}
	return start
}

func (g *data) metrics(part string) (out []*expr.Series) {
	for _, id := range g.order {
		if q := g.queries[id]; q.metric != nil && strings.Contains(id, part) {
			out = append(out, q.value.Series...)
		}
	}
	return out
}

// render makes results of a query: one, or one for each series of an array.
func (g *data) render(q *dataQuery, v expr.Value) []types.MetricDataResult {
	var out []types.MetricDataResult
	for _, s := range v.Series {
		label := q.label
		if v.Array && s.Label != "" {
			label += " " + s.Label
		}
		times := s.Times()
		if !g.ascending {
			slices.Reverse(times)
		}
		r := types.MetricDataResult{Id: &q.id, Label: &label, StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
		for _, t := range times {
			r.Timestamps = append(r.Timestamps, time.Unix(t, 0).UTC())
			r.Values = append(r.Values, s.Points[t])
		}
		out = append(out, r)
	}
	return out
}

// page cuts the results to the datapoints of one page. The token is the number of datapoints
// of the pages before; a result that goes on has the status PartialData.
func page(in *cloudwatch.GetMetricDataInput, results []types.MetricDataResult) (*cloudwatch.GetMetricDataOutput, error) {
	skip, room := 0, maxDataDatapoints
	if in.MaxDatapoints != nil {
		room = int(*in.MaxDatapoints)
	}
	if in.NextToken != nil {
		b, err := base64.RawURLEncoding.DecodeString(*in.NextToken)
		if skip, _ = strconv.Atoi(string(b)); err != nil || skip <= 0 {
			return nil, aws.Errorf("InvalidNextToken", "The value for parameter NextToken is invalid.")
		}
	}
	out := &cloudwatch.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{}, Messages: []types.MessageData{}}
	next, first := skip, in.NextToken == nil
	for _, r := range results {
		n := len(r.Values)
		if n == 0 && first {
			out.MetricDataResults = append(out.MetricDataResults, r)
			continue
		}
		from := min(skip, n)
		skip -= from
		to := min(n, from+room)
		room -= to - from
		next += to - from
		if to < n {
			r.StatusCode = types.StatusCodePartialData
			out.NextToken = ptr(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(next))))
		}
		if from < to {
			r.Timestamps, r.Values = r.Timestamps[from:to], r.Values[from:to]
			out.MetricDataResults = append(out.MetricDataResults, r)
		}
	}
	return out, nil
}
