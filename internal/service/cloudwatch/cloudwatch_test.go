package cloudwatch_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/cloudwatch"
	"github.com/leatdev/leat/internal/wire"
)

// epoch is a whole hour, so that periods of the tests begin where they are written.
var epoch = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// world is a room behind the front door, with a client and a clock that stands still.
type world struct {
	t     *testing.T
	clock *clock.Manual
	store kv.Store
	s     *cloudwatch.Service
	url   string
	c     *sdk.Client
}

func newWorld(t *testing.T, opts ...func(*cloudwatch.Options)) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewManual(epoch), store: kvtest.New(t)}
	o := cloudwatch.Options{Store: w.store, Clock: w.clock}
	for _, f := range opts {
		f(&o)
	}
	w.s = cloudwatch.New(o)
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{w.s.API()}, Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.c = w.client("us-east-1")
	return w
}

func (w *world) client(region string) *sdk.Client {
	return sdk.New(sdk.Options{
		HTTPClient: sdkhttp.Client(), BaseEndpoint: &w.url, Region: region, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), RetryMaxAttempts: 1,
	})
}

func (w *world) put(data ...types.MetricDatum) {
	w.t.Helper()
	if _, err := w.c.PutMetricData(w.t.Context(), &sdk.PutMetricDataInput{Namespace: aws.String("App"), MetricData: data}); err != nil {
		w.t.Fatal(err)
	}
}

func datum(name string, value float64, at time.Time, dims ...string) types.MetricDatum {
	return types.MetricDatum{MetricName: &name, Value: &value, Timestamp: &at, Dimensions: dimensions(dims)}
}

func dimensions(pairs []string) (out []types.Dimension) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, types.Dimension{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return out
}

// statistics asks for all five statistics and some percentiles of App/name, sorted by time.
func (w *world) statistics(name string, from, to time.Time, period int32, opts ...func(*sdk.GetMetricStatisticsInput)) []types.Datapoint {
	w.t.Helper()
	in := &sdk.GetMetricStatisticsInput{
		Namespace: aws.String("App"), MetricName: &name, StartTime: &from, EndTime: &to, Period: &period,
		Statistics: []types.Statistic{"SampleCount", "Average", "Sum", "Minimum", "Maximum"},
	}
	for _, o := range opts {
		o(in)
	}
	out, err := w.c.GetMetricStatistics(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(out.Datapoints, func(a, b types.Datapoint) int { return a.Timestamp.Compare(*b.Timestamp) })
	return out.Datapoints
}

func show(points []types.Datapoint) string {
	var b strings.Builder
	for _, d := range points {
		fmt.Fprintf(&b, "%s n=%g sum=%g min=%g max=%g avg=%g %s\n", d.Timestamp.UTC().Format("15:04:05"),
			aws.ToFloat64(d.SampleCount), aws.ToFloat64(d.Sum), aws.ToFloat64(d.Minimum), aws.ToFloat64(d.Maximum), aws.ToFloat64(d.Average), d.Unit)
	}
	return b.String()
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), text) {
		t.Errorf("got %v, want %s: %s", err, code, text)
	}
}

func TestFiguresAreSummedUpByPeriod(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(datum("Latency", 4, epoch.Add(-5*time.Minute)), datum("Latency", 2, epoch.Add(-5*time.Minute+59*time.Second)), datum("Latency", 10, epoch.Add(-4*time.Minute)))
	w.put(datum("Latency", 6, epoch.Add(-5*time.Minute)))
	from := epoch.Add(-10 * time.Minute)
	equal(t, show(w.statistics("Latency", from, epoch, 60)), `
02:55:00 n=3 sum=12 min=2 max=6 avg=4 None
02:56:00 n=1 sum=10 min=10 max=10 avg=10 None`)
	equal(t, show(w.statistics("Latency", from, epoch, 300)), `02:55:00 n=4 sum=22 min=2 max=10 avg=5.5 None`)
	equal(t, show(w.statistics("Latency", from.Add(2*time.Minute), epoch, 300)), `02:52:00 n=4 sum=22 min=2 max=10 avg=5.5 None`)
	equal(t, show(w.statistics("Latency", from, epoch.Add(-4*time.Minute), 60)), `02:55:00 n=3 sum=12 min=2 max=6 avg=4 None`)
	equal(t, show(w.statistics("Other", from, epoch, 60)), ``)
}

func TestValuesWithCountsAndStatisticSetsAddUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := "Size"
	w.put(
		types.MetricDatum{MetricName: &name, Values: []float64{1, 5}, Counts: []float64{3, 1}, Unit: types.StandardUnitBytes},
		types.MetricDatum{MetricName: &name, Values: []float64{7}, Unit: types.StandardUnitBytes},
		types.MetricDatum{MetricName: &name, Unit: types.StandardUnitBytes, StatisticValues: &types.StatisticSet{
			SampleCount: aws.Float64(10), Sum: aws.Float64(100), Minimum: aws.Float64(0), Maximum: aws.Float64(40),
		}},
		types.MetricDatum{MetricName: &name, Value: aws.Float64(3), Unit: types.StandardUnitCount},
	)
	got := w.statistics("Size", epoch, epoch.Add(time.Minute), 60, func(in *sdk.GetMetricStatisticsInput) { in.Unit = types.StandardUnitBytes })
	equal(t, show(got), `03:00:00 n=15 sum=115 min=0 max=40 avg=7.666666666666667 Bytes`)
	if all := w.statistics("Size", epoch, epoch.Add(time.Minute), 60); len(all) != 2 {
		t.Errorf("without a unit there is a datapoint for each: %s", show(all))
	}
}

func TestSeriesDifferByDimensionsInAnyOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(datum("Hits", 1, epoch, "Page", "home", "Stage", "prod"), datum("Hits", 1, epoch, "Stage", "prod", "Page", "home"), datum("Hits", 5, epoch, "Page", "home"), datum("Hits", 7, epoch))
	for want, dims := range map[string][]string{
		"n=2 sum=2 ": {"Stage", "prod", "Page", "home"}, "n=1 sum=5 ": {"Page", "home"}, "n=1 sum=7 ": nil, "": {"Page", "away"},
	} {
		got := show(w.statistics("Hits", epoch, epoch.Add(time.Minute), 60, func(in *sdk.GetMetricStatisticsInput) { in.Dimensions = dimensions(dims) }))
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%v: got %q, want %q", dims, got, want)
		}
	}
}

func TestRegionsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(datum("Hits", 1, epoch))
	out, err := w.client("eu-west-1").ListMetrics(t.Context(), &sdk.ListMetricsInput{})
	if err != nil || len(out.Metrics) != 0 {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestHighResolutionIsReadBySecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 10 {
		d := datum("Fast", float64(i), epoch.Add(time.Duration(i)*time.Second))
		d.StorageResolution = aws.Int32(1)
		w.put(d)
	}
	w.put(datum("Fast", 100, epoch))
	equal(t, show(w.statistics("Fast", epoch, epoch.Add(time.Minute), 5)), `
03:00:00 n=5 sum=10 min=0 max=4 avg=2 None
03:00:05 n=5 sum=35 min=5 max=9 avg=7 None`)
	equal(t, show(w.statistics("Fast", epoch, epoch.Add(time.Minute), 60)), `03:00:00 n=11 sum=145 min=0 max=100 avg=13.181818181818182 None`)
}

func TestPercentilesAreExactForFewValuesAndCloseForMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for batch := range 20 {
		few, many := types.MetricDatum{MetricName: aws.String("Few")}, types.MetricDatum{MetricName: aws.String("Many")}
		for i := range 100 {
			few.Values = append(few.Values, float64(i+1))
			many.Values = append(many.Values, float64(batch*100+i+1))
		}
		w.put(few, many)
	}
	ask := func(name string) map[string]float64 {
		return w.statistics(name, epoch, epoch.Add(time.Minute), 60, func(in *sdk.GetMetricStatisticsInput) {
			in.Statistics, in.ExtendedStatistics = nil, []string{"p0", "p50", "p99.9", "p100"}
		})[0].ExtendedStatistics
	}
	if got := ask("Few"); got["p0"] != 1 || got["p50"] != 50 || got["p99.9"] != 100 || got["p100"] != 100 {
		t.Errorf("few values: %v", got)
	}
	got := ask("Many")
	for p, want := range map[string]float64{"p0": 1, "p50": 1000, "p99.9": 1998, "p100": 2000} {
		if d := got[p]/want - 1; d > 0.05 || d < -0.05 {
			t.Errorf("%s = %g, want about %g", p, got[p], want)
		}
	}
}

func TestThereAreNoPercentilesOfNegativeValuesOrOpaqueSets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := func(lowest, highest float64) types.MetricDatum {
		return types.MetricDatum{MetricName: aws.String("S"), StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(2), Sum: aws.Float64(3), Minimum: &lowest, Maximum: &highest}}
	}
	median := func(name string) int {
		return len(w.statistics(name, epoch, epoch.Add(time.Minute), 60, func(in *sdk.GetMetricStatisticsInput) {
			in.Statistics, in.ExtendedStatistics = nil, []string{"p50"}
		}))
	}
	w.put(datum("N", -1, epoch), datum("N", 1, epoch), set(1.5, 1.5))
	if median("N") != 0 {
		t.Error("a negative value has percentiles")
	}
	if median("S") != 1 {
		t.Error("a set of equal values has none")
	}
	w.put(set(1, 2))
	if median("S") != 0 {
		t.Error("a set that hides its values has percentiles")
	}
}

func TestPutMetricDataRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ok := func() types.MetricDatum { return datum("M", 1, epoch) }
	with := func(f func(*types.MetricDatum)) []types.MetricDatum {
		d := ok()
		f(&d)
		return []types.MetricDatum{ok(), d}
	}
	value, comb, miss := "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter"
	for name, c := range map[string]struct {
		namespace  string
		data       []types.MetricDatum
		code, text string
	}{
		"nothing":          {"App", nil, miss, "The parameter MetricData is required."},
		"AWS's namespaces": {"AWS/Lambda", []types.MetricDatum{ok()}, value, "The value AWS/Lambda for parameter Namespace is invalid."},
		"a colon":          {":App", []types.MetricDatum{ok()}, value, "The value :App for parameter Namespace is invalid."},
		"1001 figures":     {"App", slices.Repeat([]types.MetricDatum{ok()}, 1001), value, "The collection MetricData must not have a size greater than 1000."},
		"too old":          {"App", with(func(d *types.MetricDatum) { d.Timestamp = aws.Time(epoch.Add(-14*24*time.Hour - time.Second)) }), value, "The parameter MetricData.member.2.Timestamp must specify a time within the past two weeks."},
		"the future":       {"App", with(func(d *types.MetricDatum) { d.Timestamp = aws.Time(epoch.Add(2*time.Hour + time.Second)) }), value, "MetricData.member.2.Timestamp"},
		"no value":         {"App", with(func(d *types.MetricDatum) { d.Value = nil }), miss, "MetricData.member.2.Value"},
		"value and values": {"App", with(func(d *types.MetricDatum) { d.Values = []float64{1} }), comb, "mutually exclusive and you have specified both."},
		"value and set": {"App", with(func(d *types.MetricDatum) {
			d.StatisticValues = &types.StatisticSet{SampleCount: d.Value, Sum: d.Value, Minimum: d.Value, Maximum: d.Value}
		}), comb, "The parameters MetricData.member.2.Value and MetricData.member.2.StatisticValues are mutually exclusive and you have specified both."},
		"counts of nothing": {"App", with(func(d *types.MetricDatum) { d.Counts = []float64{1} }), comb, "Counts"},
		"uneven counts":     {"App", with(func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1, 2}, []float64{1} }), value, "same size"},
		"a zero count":      {"App", with(func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1}, []float64{0} }), value, "Counts.member.1"},
		"151 values":        {"App", with(func(d *types.MetricDatum) { d.Value, d.Values = nil, make([]float64, 151) }), value, "Values must not have a size greater than 150."},
		"an unknown unit":   {"App", with(func(d *types.MetricDatum) { d.Unit = "Furlongs" }), value, "The parameter MetricData.member.2.Unit must be a value in the set [ Seconds, "},
		"resolution 30":     {"App", with(func(d *types.MetricDatum) { d.StorageResolution = aws.Int32(30) }), value, "StorageResolution"},
		"31 dimensions":     {"App", with(func(d *types.MetricDatum) { d.Dimensions = manyDimensions(31) }), value, "The collection MetricData.member.2.Dimensions must not have a size greater than 30."},
		"an empty value":    {"App", with(func(d *types.MetricDatum) { d.Dimensions = dimensions([]string{"A", ""}) }), miss, "The parameter MetricData.member.2.Dimensions.member.1.Value is required."},
		"a long name":       {"App", with(func(d *types.MetricDatum) { d.MetricName = aws.String(strings.Repeat("m", 256)) }), value, "MetricData.member.2.MetricName"},
		"a huge value":      {"App", with(func(d *types.MetricDatum) { d.Value = aws.Float64(1e109) }), value, "MetricData.member.2.Value"},
	} {
		_, err := w.c.PutMetricData(t.Context(), &sdk.PutMetricDataInput{Namespace: &c.namespace, MetricData: c.data})
		t.Run(name, func(t *testing.T) { refused(t, err, c.code, c.text) })
	}
	if got := w.statistics("M", epoch, epoch.Add(time.Minute), 60); len(got) != 0 {
		t.Errorf("a refused request left %s", show(got))
	}
	edge := datum("Edge", 1, epoch.Add(-14*24*time.Hour))
	edge.Dimensions = manyDimensions(30)
	last := datum("Edge", 1, epoch.Add(2*time.Hour))
	last.Value, last.Values = nil, make([]float64, 150)
	w.put(edge, last)
	w.put(slices.Repeat([]types.MetricDatum{ok()}, 1000)...)
}

func manyDimensions(n int) (out []types.Dimension) {
	for i := range n {
		out = append(out, types.Dimension{Name: aws.String(fmt.Sprintf("D%d", i)), Value: aws.String(strings.Repeat("v", 1024))})
	}
	return out
}

func TestTheNumberOfSeriesIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *cloudwatch.Options) { o.MaxSeries = 2 })
	w.put(datum("A", 1, epoch), datum("B", 1, epoch))
	_, err := w.c.PutMetricData(t.Context(), &sdk.PutMetricDataInput{Namespace: aws.String("App"), MetricData: []types.MetricDatum{datum("C", 1, epoch)}})
	refused(t, err, "LimitExceeded", "2 metrics")
	w.put(datum("A", 2, epoch))
	w.s.Record("000000000000", "us-east-1", "AWS/X", "Y", nil, 1, "Count")
	if err := w.s.Flush(t.Context()); err != nil || w.s.Dropped() != 1 {
		t.Errorf("err %v, dropped %d", err, w.s.Dropped())
	}
}

func TestTheQueryProtocolIsServedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res, err := http.PostForm(w.url, url.Values{
		"Action": {"PutMetricData"}, "Version": {"2010-08-01"}, "Namespace": {"App"},
		"MetricData.member.1.MetricName": {"Q"}, "MetricData.member.1.Value": {"5"}, "MetricData.member.1.Dimensions.member.1.Name": {"A"}, "MetricData.member.1.Dimensions.member.1.Value": {"b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := w.statistics("Q", epoch, epoch.Add(time.Minute), 60, func(in *sdk.GetMetricStatisticsInput) { in.Dimensions = dimensions([]string{"A", "b"}) })
	if res.StatusCode != 200 || len(got) != 1 || *got[0].Sum != 5 {
		t.Errorf("status %d, %s", res.StatusCode, show(got))
	}
}
