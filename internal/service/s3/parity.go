package s3

const (
	noVersions = "objects have one version"
	noLock     = "objects can always be deleted"
	noReports  = "there are no storage reports"
	noTables   = "there are no metadata tables"
	noDirs     = "there are no directory buckets"
)

// Absent names the operations of the API that this service does not have, with
// the reason. They are answered NotImplemented unless it says otherwise.
var Absent = map[string]string{
	"CreateBucketMetadataConfiguration":               noTables,
	"CreateBucketMetadataTableConfiguration":          noTables,
	"CreateSession":                                   noDirs,
	"DeleteBucketAnalyticsConfiguration":              noReports,
	"DeleteBucketIntelligentTieringConfiguration":     "there is one storage class",
	"DeleteBucketInventoryConfiguration":              noReports,
	"DeleteBucketMetadataConfiguration":               noTables,
	"DeleteBucketMetadataTableConfiguration":          noTables,
	"DeleteBucketMetricsConfiguration":                noReports,
	"GetBucketAbac":                                   "access is decided by policies",
	"GetBucketAnalyticsConfiguration":                 "none can be put: answered NoSuchConfiguration",
	"GetBucketIntelligentTieringConfiguration":        "none can be put: answered NoSuchConfiguration",
	"GetBucketInventoryConfiguration":                 "none can be put: answered NoSuchConfiguration",
	"GetBucketLifecycle":                              "its successor GetBucketLifecycleConfiguration is there",
	"GetBucketMetadataConfiguration":                  noTables,
	"GetBucketMetadataTableConfiguration":             noTables,
	"GetBucketMetricsConfiguration":                   "none can be put: answered NoSuchConfiguration",
	"GetBucketNotification":                           "its successor GetBucketNotificationConfiguration is there",
	"GetObjectTorrent":                                "objects are not seeded",
	"ListDirectoryBuckets":                            noDirs,
	"PutBucketAbac":                                   "access is decided by policies",
	"PutBucketAnalyticsConfiguration":                 noReports,
	"PutBucketIntelligentTieringConfiguration":        "there is one storage class",
	"PutBucketInventoryConfiguration":                 noReports,
	"PutBucketLifecycle":                              "its successor PutBucketLifecycleConfiguration is there",
	"PutBucketMetricsConfiguration":                   noReports,
	"PutBucketNotification":                           "its successor PutBucketNotificationConfiguration is there",
	"PutBucketReplication":                            "there is one store",
	"PutBucketWebsite":                                "buckets are not served as websites",
	"PutObjectLockConfiguration":                      noLock,
	"RenameObject":                                    noDirs,
	"SelectObjectContent":                             "objects are not queried",
	"UpdateBucketMetadataInventoryTableConfiguration": noTables,
	"UpdateBucketMetadataJournalTableConfiguration":   noTables,
	"UpdateObjectEncryption":                          "nothing is encrypted",
	"WriteGetObjectResponse":                          "there are no access points",
}
