package s3

const (
	noVersions = "objects have one version"
	noLock     = "objects can always be deleted"
	noReports  = "there are no storage reports"
	noTables   = "there are no metadata tables"
	noDirs     = "there are no directory buckets"
)

// Absent names the operations of the API that this service does not have, with
// the reason. They are answered NotImplemented.
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
	"DeleteBucketReplication":                         "there is one store",
	"DeleteBucketWebsite":                             "buckets are not served as websites",
	"GetBucketAbac":                                   "access is decided by policies",
	"GetBucketAccelerateConfiguration":                "there is no edge to accelerate from",
	"GetBucketAnalyticsConfiguration":                 noReports,
	"GetBucketIntelligentTieringConfiguration":        "there is one storage class",
	"GetBucketInventoryConfiguration":                 noReports,
	"GetBucketLifecycle":                              "its successor GetBucketLifecycleConfiguration is there",
	"GetBucketLogging":                                "access is logged by the platform",
	"GetBucketMetadataConfiguration":                  noTables,
	"GetBucketMetadataTableConfiguration":             noTables,
	"GetBucketMetricsConfiguration":                   noReports,
	"GetBucketNotification":                           "its successor GetBucketNotificationConfiguration is there",
	"GetBucketReplication":                            "there is one store",
	"GetBucketRequestPayment":                         "nobody pays",
	"GetBucketWebsite":                                "buckets are not served as websites",
	"GetObjectLegalHold":                              noLock,
	"GetObjectLockConfiguration":                      noLock,
	"GetObjectRetention":                              noLock,
	"GetObjectTorrent":                                "objects are not seeded",
	"ListBucketAnalyticsConfigurations":               noReports,
	"ListBucketIntelligentTieringConfigurations":      "there is one storage class",
	"ListBucketInventoryConfigurations":               noReports,
	"ListBucketMetricsConfigurations":                 noReports,
	"ListDirectoryBuckets":                            noDirs,
	"PutBucketAbac":                                   "access is decided by policies",
	"PutBucketAccelerateConfiguration":                "there is no edge to accelerate from",
	"PutBucketAnalyticsConfiguration":                 noReports,
	"PutBucketIntelligentTieringConfiguration":        "there is one storage class",
	"PutBucketInventoryConfiguration":                 noReports,
	"PutBucketLifecycle":                              "its successor PutBucketLifecycleConfiguration is there",
	"PutBucketLogging":                                "access is logged by the platform",
	"PutBucketMetricsConfiguration":                   noReports,
	"PutBucketNotification":                           "its successor PutBucketNotificationConfiguration is there",
	"PutBucketReplication":                            "there is one store",
	"PutBucketRequestPayment":                         "nobody pays",
	"PutBucketVersioning":                             noVersions,
	"PutBucketWebsite":                                "buckets are not served as websites",
	"PutObjectLegalHold":                              noLock,
	"PutObjectLockConfiguration":                      noLock,
	"PutObjectRetention":                              noLock,
	"RenameObject":                                    noDirs,
	"RestoreObject":                                   "there is one storage class",
	"SelectObjectContent":                             "objects are not queried",
	"UpdateBucketMetadataInventoryTableConfiguration": noTables,
	"UpdateBucketMetadataJournalTableConfiguration":   noTables,
	"UpdateObjectEncryption":                          "nothing is encrypted",
	"WriteGetObjectResponse":                          "there are no access points",
}
