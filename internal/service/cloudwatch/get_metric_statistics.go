package cloudwatch

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/leatdev/leat/internal/kv"
)

// Limits of GetMetricStatistics.
const (
	maxDatapoints = 1440
	maxStatistics = 5
	maxExtended   = 10
)

// GetMetricStatistics reads statistics of one metric by period.
//
// Limits: 1440 datapoints, 5 statistics, 10 percentiles.
// Errors: InvalidParameterValue, InvalidParameterCombination, MissingParameter.
// Differs: of the extended statistics there are percentiles (p0 to p100), exact for up to 200
// distinct values in a period and within 1 % for most beyond; TM, WM, TC, TS, PR and IQM are refused.
func (s *Service) GetMetricStatistics(ctx context.Context, in *cloudwatch.GetMetricStatisticsInput) (*cloudwatch.GetMetricStatisticsOutput, error) {
	c := &checks{}
	c.namespace(in.Namespace, false)
	c.text("MetricName", in.MetricName, maxName)
	dims := c.dimensions("Dimensions", in.Dimensions)
	c.unit("Unit", in.Unit)
	stats := c.statistics(in)
	c.window(in)
	if err := c.err(); err != nil {
		return nil, err
	}
	x := series{placeOf(ctx), *in.Namespace, *in.MetricName, encodeDims(dims)}
	q := span{period: int64(*in.Period), end: in.EndTime.Unix(), unit: string(in.Unit), percentiles: len(in.ExtendedStatistics) > 0}
	q.start = roundStart(s.clock.Now(), *in.StartTime, q.period)
	found, err := s.query(ctx, x, q)
	if err != nil {
		return nil, err
	}
	out := &cloudwatch.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	order := slices.SortedFunc(maps.Keys(found), func(a, b bucket) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.unit, b.unit))
	})
	for _, at := range order {
		if d, ok := datapoint(at, found[at], stats); ok {
			out.Datapoints = append(out.Datapoints, d)
		}
	}
	return out, nil
}

// query reads one series, everything recorded included.
func (s *Service) query(ctx context.Context, x series, q span) (found map[bucket]*point, err error) {
	if err := s.Flush(ctx); err != nil {
		s.log.Warn("figures of the platform's own were not written", "error", err)
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		budget := maxScanned
		found, err = read(r, x, q, &budget)
		return err
	})
	if errors.Is(err, errScanned) {
		c := &checks{}
		c.fail(badCombination, "The request reads more than %d stored points. Decrease the time range.", maxScanned)
		err = c.err()
	}
	return found, err
}

// datapoint renders a period; false when none of the statistics is there.
func datapoint(at bucket, p *point, stats []stat) (types.Datapoint, bool) {
	d := types.Datapoint{Timestamp: ptr(time.Unix(at.at, 0).UTC()), Unit: types.StandardUnit(at.unit)}
	any := false
	for _, st := range stats {
		v, ok := st.of(p)
		if !ok {
			continue
		}
		any = true
		switch types.Statistic(st.name) {
		case types.StatisticSampleCount:
			d.SampleCount = &v
		case types.StatisticAverage:
			d.Average = &v
		case types.StatisticSum:
			d.Sum = &v
		case types.StatisticMinimum:
			d.Minimum = &v
		case types.StatisticMaximum:
			d.Maximum = &v
		default:
			if d.ExtendedStatistics == nil {
				d.ExtendedStatistics = map[string]float64{}
			}
			d.ExtendedStatistics[st.name] = v
		}
	}
	return d, any
}

// statistics checks which statistics are asked for.
func (c *checks) statistics(in *cloudwatch.GetMetricStatisticsInput) []stat {
	if len(in.Statistics)+len(in.ExtendedStatistics) == 0 {
		c.fail(missing, "At least one of the parameters Statistics and ExtendedStatistics must be specified.")
	}
	if len(in.Statistics) > maxStatistics {
		c.value("The collection Statistics must not have a size greater than %d.", maxStatistics)
	}
	if len(in.ExtendedStatistics) > maxExtended {
		c.value("The collection ExtendedStatistics must not have a size greater than %d.", maxExtended)
	}
	var stats []stat
	for i, name := range in.Statistics {
		st, ok := parseStat(string(name))
		if !ok || st.isPct {
			c.value("The parameter Statistics.member.%d must be a value in the set [ SampleCount, Average, Sum, Minimum, Maximum ].", i+1)
		}
		stats = append(stats, st)
	}
	for i, name := range in.ExtendedStatistics {
		st, ok := parseStat(name)
		if !ok || !st.isPct {
			c.value("The value %s for parameter ExtendedStatistics.member.%d is not supported.", name, i+1)
		}
		stats = append(stats, st)
	}
	return stats
}

// window checks the times and the period.
func (c *checks) window(in *cloudwatch.GetMetricStatisticsInput) {
	switch {
	case in.StartTime == nil:
		c.fail(missing, "The parameter StartTime is required.")
	case in.EndTime == nil:
		c.fail(missing, "The parameter EndTime is required.")
	case in.Period == nil:
		c.fail(missing, "The parameter Period is required.")
	case !validPeriod(*in.Period):
		c.value("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
	case !in.StartTime.Before(*in.EndTime):
		c.fail(badCombination, "The parameter StartTime must be less than the parameter EndTime.")
	default:
		span, period := in.EndTime.Unix()-in.StartTime.Unix(), int64(*in.Period)
		if n := (span + period - 1) / period; n > maxDatapoints {
			c.fail(badCombination, "You have requested up to %d datapoints, which exceeds the limit of %d. "+
				"You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, maxDatapoints)
		}
	}
}
