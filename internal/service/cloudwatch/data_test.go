package cloudwatch_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/cloudwatch"
)

func metric(id, name, stat string, dims ...string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String("App"), MetricName: &name, Dimensions: dimensions(dims)}, Period: aws.Int32(60), Stat: &stat,
	}}
}

func math(id, expression string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, Expression: &expression}
}

func hidden(q types.MetricDataQuery) types.MetricDataQuery {
	q.ReturnData = aws.Bool(false)
	return q
}

// data asks for the five minutes from epoch on.
func (w *world) data(queries []types.MetricDataQuery, opts ...func(*sdk.GetMetricDataInput)) (*sdk.GetMetricDataOutput, error) {
	in := &sdk.GetMetricDataInput{MetricDataQueries: queries, StartTime: aws.Time(epoch), EndTime: aws.Time(epoch.Add(5 * time.Minute)), ScanBy: types.ScanByTimestampAscending}
	for _, o := range opts {
		o(in)
	}
	return w.c.GetMetricData(w.t.Context(), in)
}

func showData(results []types.MetricDataResult) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%s (%s)", *r.Id, *r.Label)
		for i, v := range r.Values {
			fmt.Fprintf(&b, " %s=%g", r.Timestamps[i].UTC().Format("04"), v)
		}
		fmt.Fprintf(&b, " %s\n", r.StatusCode)
	}
	return b.String()
}

func shop(t *testing.T) *world {
	w := newWorld(t)
	w.put(datum("Errors", 1, epoch), datum("Errors", 3, epoch.Add(2*time.Minute)))
	w.put(datum("Calls", 10, epoch), datum("Calls", 20, epoch.Add(time.Minute)), datum("Calls", 30, epoch.Add(2*time.Minute)), datum("Calls", 30, epoch.Add(2*time.Minute)))
	return w
}

func TestMetricDataAreReadAndComputed(t *testing.T) {
	t.Parallel()
	w := shop(t)
	out, err := w.data([]types.MetricDataQuery{
		metric("errors", "Errors", "Sum"), hidden(metric("calls", "Calls", "Sum")), metric("n", "Calls", "SampleCount"), metric("p", "Calls", "p50"), metric("none", "Other", "Sum"),
		math("rate", "100 * errors / calls"), math("all", "SUM([errors, calls])"), math("filled", "FILL(errors, 0)"), math("both", `METRICS("s")`), math("twice", "rate * 2"),
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, showData(out.MetricDataResults), `
errors (Errors) 00=1 02=3 Complete
n (Calls) 00=1 01=1 02=2 Complete
p (Calls) 00=10 01=20 02=30 Complete
none (Other) Complete
rate (rate) 00=10 02=5 Complete
all (all) 00=11 01=20 02=63 Complete
filled (filled) 00=1 01=0 02=3 03=0 04=0 Complete
both (both Errors) 00=1 02=3 Complete
both (both Calls) 00=10 01=20 02=60 Complete
twice (twice) 00=20 02=10 Complete`)
}

func TestMetricDataComeInPages(t *testing.T) {
	t.Parallel()
	w := shop(t)
	queries := []types.MetricDataQuery{metric("none", "Other", "Sum"), metric("calls", "Calls", "Sum"), metric("errors", "Errors", "Sum")}
	var token *string
	var pages []string
	for {
		out, err := w.data(queries, func(in *sdk.GetMetricDataInput) {
			in.MaxDatapoints, in.NextToken, in.ScanBy = aws.Int32(2), token, types.ScanByTimestampDescending
		})
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, showData(out.MetricDataResults))
		if token = out.NextToken; token == nil {
			break
		}
	}
	equal(t, strings.Join(pages, "--\n"), `
none (Other) Complete
calls (Calls) 02=60 01=20 PartialData
--
calls (Calls) 00=10 Complete
errors (Errors) 02=3 PartialData
--
errors (Errors) 00=1 Complete`)
	_, err := w.data(queries, func(in *sdk.GetMetricDataInput) { in.NextToken = aws.String("x") })
	refused(t, err, "InvalidNextToken", "NextToken")
}

func TestGetMetricDataRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	w := shop(t)
	sum := metric("m", "Calls", "Sum")
	both := sum
	both.Expression = aws.String("m")
	many := make([]types.MetricDataQuery, 501)
	for i := range many {
		many[i] = metric(fmt.Sprintf("m%d", i), "Calls", "Sum")
	}
	for name, c := range map[string]struct {
		queries []types.MetricDataQuery
		text    string
	}{
		"nothing":             {[]types.MetricDataQuery{}, "MetricDataQueries"},
		"501 queries":         {many, "The collection MetricDataQueries must not have a size greater than 500."},
		"a bad id":            {[]types.MetricDataQuery{metric("5xx", "Calls", "Sum")}, "The value 5xx for parameter MetricDataQueries.member.1.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."},
		"an id twice":         {[]types.MetricDataQuery{sum, sum}, "The values for parameter id in MetricDataQueries are not unique."},
		"a bad statistic":     {[]types.MetricDataQuery{metric("m", "Calls", "Mode")}, "The value Mode for parameter MetricDataQueries.member.1.MetricStat.Stat is not a valid statistic."},
		"p101":                {[]types.MetricDataQuery{metric("m", "Calls", "p101")}, "p101"},
		"neither":             {[]types.MetricDataQuery{{Id: aws.String("m")}}, "must be specified"},
		"both":                {[]types.MetricDataQuery{both}, "mutually exclusive and you have specified both."},
		"an unknown name":     {[]types.MetricDataQuery{sum, math("e", "m+x")}, "Error in expression 'e': undefined variable x."},
		"a circle":            {[]types.MetricDataQuery{math("e", "f*2"), math("f", "e*2")}, "refers to itself"},
		"a number":            {[]types.MetricDataQuery{sum, math("e", "SUM(m)")}, "the result is a number"},
		"a search":            {[]types.MetricDataQuery{math("e", "SEARCH('{App}', 'Sum')")}, "the function SEARCH is not supported"},
		"an insights query":   {[]types.MetricDataQuery{math("e", "SELECT AVG(x) FROM y")}, "Error in expression 'e'"},
		"doubled arrays":      {append([]types.MetricDataQuery{sum, math("e0", "[m,m]")}, doubling(12)...), "more than 500 time series"},
		"a dynamic label":     {[]types.MetricDataQuery{{Id: aws.String("m"), MetricStat: sum.MetricStat, Label: aws.String("${MAX}")}}, "dynamic labels"},
		"another account":     {[]types.MetricDataQuery{{Id: aws.String("m"), MetricStat: sum.MetricStat, AccountId: aws.String("111122223333")}}, "AccountId"},
		"a period of 7":       {[]types.MetricDataQuery{{Id: aws.String("m"), MetricStat: &types.MetricStat{Metric: sum.MetricStat.Metric, Stat: aws.String("Sum"), Period: aws.Int32(7)}}}, "Period"},
		"an expr of a period": {[]types.MetricDataQuery{sum, {Id: aws.String("e"), Expression: aws.String("m"), Period: aws.Int32(300)}}, "Period"},
	} {
		_, err := w.data(c.queries)
		t.Run(name, func(t *testing.T) { refused(t, err, "ValidationError", c.text) })
	}
	if _, err := w.data(many[:500]); err != nil {
		t.Errorf("500 queries: %v", err)
	}
	_, err := w.data([]types.MetricDataQuery{sum}, func(in *sdk.GetMetricDataInput) { in.EndTime = in.StartTime })
	refused(t, err, "ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
	_, err = w.data([]types.MetricDataQuery{sum}, func(in *sdk.GetMetricDataInput) { in.MaxDatapoints = aws.Int32(100_801) })
	refused(t, err, "ValidationError", "MaxDatapoints")
}

// doubling are n expressions, each an array of twice the one before.
func doubling(n int) (out []types.MetricDataQuery) {
	for i := 1; i <= n; i++ {
		out = append(out, math(fmt.Sprintf("e%d", i), fmt.Sprintf("[e%d,e%d]", i-1, i-1)))
	}
	return out
}

func TestGetMetricStatisticsRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		change     func(*sdk.GetMetricStatisticsInput)
		code, text string
	}{
		"1441 datapoints": {func(in *sdk.GetMetricStatisticsInput) { in.StartTime = aws.Time(epoch.Add(-1441 * time.Minute)) }, "InvalidParameterCombination",
			"You have requested up to 1441 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range."},
		"no time":         {func(in *sdk.GetMetricStatisticsInput) { in.StartTime = in.EndTime }, "InvalidParameterCombination", "The parameter StartTime must be less than the parameter EndTime."},
		"no statistics":   {func(in *sdk.GetMetricStatisticsInput) { in.Statistics = nil }, "MissingParameter", "Statistics"},
		"a bad statistic": {func(in *sdk.GetMetricStatisticsInput) { in.Statistics = []types.Statistic{"Sum,Average"} }, "InvalidParameterValue", "The parameter Statistics.member.1 must be a value in the set"},
		"a trimmed mean":  {func(in *sdk.GetMetricStatisticsInput) { in.ExtendedStatistics = []string{"tm99"} }, "InvalidParameterValue", "tm99"},
		"11 percentiles":  {func(in *sdk.GetMetricStatisticsInput) { in.ExtendedStatistics = slices.Repeat([]string{"p50"}, 11) }, "InvalidParameterValue", "greater than 10"},
		"a period of 90":  {func(in *sdk.GetMetricStatisticsInput) { in.Period = aws.Int32(90) }, "InvalidParameterValue", "Period"},
	} {
		in := &sdk.GetMetricStatisticsInput{Namespace: aws.String("App"), MetricName: aws.String("M"), StartTime: aws.Time(epoch.Add(-time.Hour)), EndTime: aws.Time(epoch), Period: aws.Int32(60), Statistics: []types.Statistic{"Sum"}}
		c.change(in)
		_, err := w.c.GetMetricStatistics(t.Context(), in)
		t.Run(name, func(t *testing.T) { refused(t, err, c.code, c.text) })
	}
	w.statistics("M", epoch.Add(-1440*time.Minute), epoch, 60)
}

func TestMetricsAreListedByFilterAndPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var data []types.MetricDatum
	for i := range 501 {
		data = append(data, datum("Many", 1, epoch, "I", fmt.Sprint(i)))
	}
	w.put(data...)
	w.put(datum("One", 1, epoch, "I", "7", "J", "x"))
	list := func(f func(*sdk.ListMetricsInput)) (n, pages int) {
		in := &sdk.ListMetricsInput{}
		f(in)
		for p := sdk.NewListMetricsPaginator(w.c, in); p.HasMorePages(); pages++ {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n += len(out.Metrics)
		}
		return n, pages
	}
	for name, c := range map[string]struct {
		f        func(*sdk.ListMetricsInput)
		n, pages int
	}{
		"all":          {func(*sdk.ListMetricsInput) {}, 502, 2},
		"by namespace": {func(in *sdk.ListMetricsInput) { in.Namespace = aws.String("Ap") }, 0, 1},
		"by name":      {func(in *sdk.ListMetricsInput) { in.MetricName = aws.String("One") }, 1, 1},
		"by both":      {func(in *sdk.ListMetricsInput) { in.Namespace, in.MetricName = aws.String("App"), aws.String("Many") }, 501, 2},
		"by a dimension": {func(in *sdk.ListMetricsInput) {
			in.Dimensions = []types.DimensionFilter{{Name: aws.String("I"), Value: aws.String("7")}}
		}, 2, 1},
		"by a dimension's name":    {func(in *sdk.ListMetricsInput) { in.Dimensions = []types.DimensionFilter{{Name: aws.String("J")}} }, 1, 1},
		"recently active, all are": {func(in *sdk.ListMetricsInput) { in.RecentlyActive = types.RecentlyActivePt3h }, 502, 2},
	} {
		if n, pages := list(c.f); n != c.n || pages != c.pages {
			t.Errorf("%s: %d metrics in %d pages, want %d in %d", name, n, pages, c.n, c.pages)
		}
	}
	w.clock.Advance(4 * time.Hour)
	if n, _ := list(func(in *sdk.ListMetricsInput) { in.RecentlyActive = types.RecentlyActivePt3h }); n != 0 {
		t.Errorf("%d metrics are recently active after four hours", n)
	}
	w.clock.Advance(15 * 24 * time.Hour)
	if n, _ := list(func(*sdk.ListMetricsInput) {}); n != 0 {
		t.Errorf("%d metrics are listed after two weeks", n)
	}
	_, err := w.c.ListMetrics(t.Context(), &sdk.ListMetricsInput{NextToken: aws.String("!")})
	refused(t, err, "InvalidParameterValue", "NextToken")
}

func TestPointsGrowCoarserWithAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 10 {
		d := datum("M", float64(i), epoch.Add(time.Duration(i)*30*time.Second))
		d.StorageResolution = aws.Int32(1)
		w.put(d)
	}
	sums := func(period int32) int {
		w.t.Helper()
		return len(w.statistics("M", epoch, epoch.Add(5*time.Minute), period))
	}
	age := func(d time.Duration) {
		w.t.Helper()
		w.clock.Set(epoch.Add(d))
		if err := w.s.RollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		after                          time.Duration
		seconds, minutes, fives, hours int
	}{
		{time.Hour, 10, 5, 1, 1}, {4 * time.Hour, 0, 5, 1, 1}, {16 * 24 * time.Hour, 0, 0, 1, 1}, {64 * 24 * time.Hour, 0, 0, 0, 1}, {457 * 24 * time.Hour, 0, 0, 0, 0},
	} {
		age(c.after)
		if s, m, f, h := sums(30), sums(60), sums(300), sums(3600); s != c.seconds || m != c.minutes || f != c.fives || h != c.hours {
			t.Errorf("after %v: %d %d %d %d datapoints, want %v", c.after, s, m, f, h, c)
		}
		if c.hours > 0 {
			equal(t, show(w.statistics("M", epoch, epoch.Add(time.Hour), 3600)), "03:00:00 n=10 sum=45 min=0 max=9 avg=4.5 None")
		}
	}
}

func TestSeriesThatAreForgottenMakeRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *cloudwatch.Options) { o.MaxSeries = 1 })
	w.put(datum("Old", 1, epoch))
	w.clock.Advance(457 * 24 * time.Hour)
	if err := w.s.RollUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.put(datum("New", 1, w.clock.Now()))
}

func TestWhatIsRecordedIsWrittenWithinASecondAndReadAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.s.Start()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				w.s.Record("000000000000", "us-east-1", "App", "R", []cloudwatch.Dimension{{Name: "B", Value: "2"}, {Name: "A", Value: "1"}}, 2, "Count")
			}
		})
	}
	wg.Wait()
	dims := func(in *sdk.GetMetricStatisticsInput) { in.Dimensions = dimensions([]string{"A", "1", "B", "2"}) }
	equal(t, show(w.statistics("R", epoch, epoch.Add(time.Minute), 60, dims)), "03:00:00 n=800 sum=1600 min=2 max=2 avg=2 Count")

	w.s.Record("000000000000", "us-east-1", "App", "R", []cloudwatch.Dimension{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}, 5, "Count")
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w.s = cloudwatch.New(cloudwatch.Options{Store: w.store, Clock: w.clock})
	equal(t, show(w.statistics("R", epoch, epoch.Add(time.Minute), 60, dims)), "03:00:00 n=801 sum=1605 min=2 max=5 avg="+fmt.Sprint(1605.0/801)+" Count")
}

func TestTheRecordedSeriesThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const bound = 10_000
	for i := range bound + 5 {
		w.s.Record("000000000000", "us-east-1", "App", fmt.Sprint("R", i), nil, 1, "Count")
	}
	w.s.Record("000000000000", "us-east-1", "App", "R0", nil, 1, "Count")
	if w.s.Dropped() != 5 {
		t.Errorf("dropped %d", w.s.Dropped())
	}
	equal(t, show(w.statistics("R0", epoch, epoch.Add(time.Minute), 60)), "03:00:00 n=2 sum=2 min=1 max=1 avg=1 Count")
}

func BenchmarkRecord(b *testing.B) {
	s := cloudwatch.New(cloudwatch.Options{Store: kvtest.New(b), Clock: clock.System()})
	dims := []cloudwatch.Dimension{{Name: "FunctionName", Value: "prices"}}
	b.ReportAllocs()
	for b.Loop() {
		s.Record("000000000000", "us-east-1", "AWS/Lambda", "Invocations", dims, 1, "Count")
	}
}
