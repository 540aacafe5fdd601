package cloudformation

// Absent lists the operations of the API that are not here, with the reason.
var Absent = map[string]string{}

func init() {
	for why, ops := range map[string][]string{
		"stack sets deploy to several accounts; one platform is one": {"CreateStackSet", "DeleteStackSet", "DescribeStackSet", "DescribeStackSetOperation", "ListStackSets", "ListStackSetOperations", "ListStackSetOperationResults",
			"ListStackSetAutoDeploymentTargets", "UpdateStackSet", "StopStackSetOperation", "CreateStackInstances", "DeleteStackInstances", "UpdateStackInstances", "DescribeStackInstance", "ListStackInstances",
			"ListStackInstanceResourceDrifts", "ImportStacksToStackSet", "DetectStackSetDrift", "ActivateOrganizationsAccess", "DeactivateOrganizationsAccess", "DescribeOrganizationsAccess"},
		"drift is not detected": {"DetectStackDrift", "DetectStackResourceDrift", "DescribeStackDriftDetectionStatus", "DescribeStackResourceDrifts"},
		"resource types are fixed; there is no registry of extensions": {"ActivateType", "DeactivateType", "DeregisterType", "DescribeType", "DescribeTypeRegistration", "ListTypes", "ListTypeRegistrations", "ListTypeVersions", "PublishType",
			"RegisterType", "RegisterPublisher", "DescribePublisher", "SetTypeConfiguration", "SetTypeDefaultVersion", "TestType", "BatchDescribeTypeConfigurations", "RecordHandlerProgress"},
		"hooks are not run":           {"DescribeChangeSetHooks", "GetHookResult", "ListHookResults"},
		"stack policies are not kept": {"GetStackPolicy", "SetStackPolicy"},
		"templates are not generated from resources": {"CreateGeneratedTemplate", "DeleteGeneratedTemplate", "DescribeGeneratedTemplate", "GetGeneratedTemplate", "ListGeneratedTemplates", "UpdateGeneratedTemplate",
			"StartResourceScan", "DescribeResourceScan", "ListResourceScans", "ListResourceScanResources", "ListResourceScanRelatedResources"},
		"resources are not moved between stacks":                                      {"CreateStackRefactor", "DescribeStackRefactor", "ExecuteStackRefactor", "ListStackRefactors", "ListStackRefactorActions"},
		"nothing waits for signals":                                                   {"SignalResource"},
		"nothing here costs money":                                                    {"EstimateTemplateCost"},
		"limits are in the documentation":                                             {"DescribeAccountLimits"},
		"DescribeStackEvents gives the same":                                          {"DescribeEvents"},
		"a failed update rolls back by itself, unless told not to: then update again": {"RollbackStack"},
	} {
		for _, op := range ops {
			Absent[op] = why
		}
	}
}
