package glue

// Absent lists the operations of the API that are not provided, with the reason. Only the Schema Registry of AWS Glue is provided: none
// of the operations of the Data Catalog, crawlers, jobs, workflows, sessions, data quality and connections is, and they are not listed one by one.
var Absent = map[string]string{}
