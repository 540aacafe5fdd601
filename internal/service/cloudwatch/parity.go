package cloudwatch

// Absent lists what of CloudWatch goes beyond putting and reading metrics.
var Absent = map[string]string{
	"alarms (PutMetricAlarm, PutCompositeAlarm, PutLogAlarm, DescribeAlarms, DescribeAlarmsForMetric, DescribeAlarmHistory, " +
		"DescribeAlarmContributors, DeleteAlarms, SetAlarmState, EnableAlarmActions, DisableAlarmActions, alarm mute rules)": "Nothing here watches metrics; Prometheus alerts on /_leat/metrics.",
	"dashboards (PutDashboard, GetDashboard, ListDashboards, DeleteDashboards), GetMetricWidgetImage": "docs/grafana/leat.json is a dashboard over the same figures.",
	"anomaly detectors, insight rules and their reports":                                              "Figures are kept and computed, not judged.",
	"metric streams (PutMetricStream, StartMetricStreams, …)":                                         "There is no Firehose to stream to; /_leat/metrics can be scraped.",
	"resource metrics configurations, datasets, OpenTelemetry enrichment":                             "There is nothing here that they would configure.",
	"TagResource, UntagResource, ListTagsForResource":                                                 "They tag alarms and insight rules, which are not here.",
}
