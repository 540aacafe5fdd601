package aws

import (
	"fmt"
	"strings"
)

// DefaultAccount is the account of callers without configured credentials.
const DefaultAccount = "000000000000"

// DefaultRegion is used where a request names none.
const DefaultRegion = "us-east-1"

// ARN is an Amazon Resource Name: arn:partition:service:region:account:resource.
type ARN struct {
	Partition string
	Service   string
	Region    string
	Account   string
	Resource  string // everything after the fifth colon, colons and slashes included
}

// NewARN makes an ARN in the partition of its region.
func NewARN(service, region, account, resource string) ARN {
	return ARN{Partition: Partition(region), Service: service, Region: region, Account: account, Resource: resource}
}

// Partition names the partition a region belongs to.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// ParseARN splits s; it fails when s is not six colon-separated parts that begin with "arn".
func ParseARN(s string) (ARN, error) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[1] == "" || p[2] == "" || p[5] == "" {
		return ARN{}, fmt.Errorf("not an ARN: %q", s)
	}
	return ARN{Partition: p[1], Service: p[2], Region: p[3], Account: p[4], Resource: p[5]}, nil
}

// String is the ARN's text.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}
