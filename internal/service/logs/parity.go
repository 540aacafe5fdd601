package logs

// Absent lists what of CloudWatch Logs goes beyond reading logs.
var Absent = map[string]string{
	"metric filters (PutMetricFilter, …)":                       "TestMetricFilter is there; metrics are not made of log lines.",
	"subscription filters (PutSubscriptionFilter, …)":           "A function's output goes to its group only.",
	"Logs Insights (StartQuery, GetQueryResults, …)":            "`leat logs --filter` and FilterLogEvents read with filter patterns.",
	"export, import, delivery, destinations, anomaly detection": "There is no other place here to send logs to.",
	"data protection, transformers, indexes, account policies":  "Events are kept as they were put.",
	"GetLogRecord, GetLogGroupFields":                           "Parts of Logs Insights.",
}
