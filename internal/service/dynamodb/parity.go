package dynamodb

// Absent are the operations of DynamoDB that are not here, and why.
var Absent = map[string]string{
	"CreateBackup":                    "backups are taken of the whole data directory, not of tables",
	"DeleteBackup":                    "there are no table backups",
	"DescribeBackup":                  "there are no table backups",
	"ListBackups":                     "there are no table backups",
	"RestoreTableFromBackup":          "there are no table backups",
	"RestoreTableToPointInTime":       "past states of a table are not kept",
	"ExportTableToPointInTime":        "past states of a table are not kept",
	"DescribeExport":                  "there are no exports",
	"ListExports":                     "there are no exports",
	"ImportTable":                     "not built yet: write the items with BatchWriteItem",
	"DescribeImport":                  "there are no imports",
	"ListImports":                     "there are no imports",
	"CreateGlobalTable":               "there is one region",
	"DescribeGlobalTable":             "there is one region",
	"DescribeGlobalTableSettings":     "there is one region",
	"ListGlobalTables":                "there is one region",
	"UpdateGlobalTable":               "there is one region",
	"UpdateGlobalTableSettings":       "there is one region",
	"DescribeTableReplicaAutoScaling": "there is one region",
	"UpdateTableReplicaAutoScaling":   "there is one region",
	"SearchVectors":                   "there are no vector indexes",
}
