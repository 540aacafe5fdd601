package cloudwatch

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// stat is a statistic: one of the five, or a percentile.
type stat struct {
	name    string
	percent float64
	isPct   bool
}

// parseStat reads the name of a statistic.
func parseStat(name string) (stat, bool) {
	switch types.Statistic(name) {
	case types.StatisticSampleCount, types.StatisticAverage, types.StatisticSum, types.StatisticMinimum, types.StatisticMaximum:
		return stat{name: name}, true
	}
	if !percentileName.MatchString(name) {
		return stat{}, false
	}
	p, err := strconv.ParseFloat(name[1:], 64)
	return stat{name: name, percent: p, isPct: true}, err == nil
}

// of computes the statistic of a point; false where there is none.
func (s stat) of(p *point) (float64, bool) {
	if s.isPct {
		return p.percentile(s.percent)
	}
	switch types.Statistic(s.name) {
	case types.StatisticSampleCount:
		return p.count, true
	case types.StatisticAverage:
		return p.sum / p.count, p.count > 0
	case types.StatisticSum:
		return p.sum, true
	case types.StatisticMinimum:
		return p.min, true
	default:
		return p.max, true
	}
}

// roundStart rounds the begin of a query down as AWS documents it: the further back,
// the coarser the points that are there. Periods count from it.
func roundStart(now, start time.Time, period int64) int64 {
	grain := int64(60)
	switch age := now.Sub(start); {
	case period < grain:
		grain = period
	case age > tiers[2].keep:
		grain = tiers[3].seconds
	case age > tiers[1].keep:
		grain = tiers[2].seconds
	}
	return start.Unix() / grain * grain
}
