package kinesis

// Absent lists the operations of the API that are not provided, with the reason.
var Absent = map[string]string{
	"CreateChannel":   channels,
	"DeleteChannel":   channels,
	"DescribeChannel": channels,
	"ListChannels":    channels,
	"UpdateChannel":   channels,
}

const channels = "Channels deliver a stream to object storage or Iceberg tables. They are the API's newest part and no guide " +
	"explains their delivery guarantees yet; a function on the stream does the same."
