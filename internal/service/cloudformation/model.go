package cloudformation

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/deploy"
)

// revision is what a stack is deployed from.
type revision struct {
	Body         string            `json:"body"`      // as given
	Processed    string            `json:"processed"` // JSON, transforms run
	Description  string            `json:"description,omitempty"`
	Given        map[string]string `json:"given,omitempty"` // parameters the caller gave
	Values       map[string]string `json:"values,omitempty"`
	Resolved     map[string]string `json:"resolved,omitempty"` // what the parameter store said, for parameters that name an entry of it
	NoEcho       []string          `json:"noEcho,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	Capabilities []string          `json:"capabilities,omitempty"`
	Topics       []string          `json:"topics,omitempty"`
	RoleARN      string            `json:"role,omitempty"`
	Imports      []string          `json:"imports,omitempty"`
}

// stack is a stack as stored.
type stack struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Account string `json:"account"`
	Region  string `json:"region"`
	Status  string `json:"status"`
	Reason  string `json:"reason,omitempty"`

	Created time.Time  `json:"created"`
	Updated *time.Time `json:"updated,omitempty"`
	Deleted *time.Time `json:"deleted,omitempty"`

	Current revision  `json:"current"`        // what stands
	Next    *revision `json:"next,omitempty"` // what an update under way goes to

	Outputs         []deploy.Output `json:"outputs,omitempty"`
	OnFailure       string          `json:"onFailure,omitempty"` // ROLLBACK, DELETE, DO_NOTHING
	DisableRollback bool            `json:"disableRollback,omitempty"`
	TimeoutMinutes  int32           `json:"timeout,omitempty"`
	Protected       bool            `json:"protected,omitempty"`
	ChangeSet       string          `json:"changeSet,omitempty"`
	Token           string          `json:"token,omitempty"`
	RetainOnDelete  []string        `json:"retain,omitempty"`
	Events          uint64          `json:"events"` // numbered so far
}

// Statuses, shortened.
const (
	review           = string(types.StackStatusReviewInProgress)
	creating         = string(types.StackStatusCreateInProgress)
	created          = string(types.StackStatusCreateComplete)
	createFailed     = string(types.StackStatusCreateFailed)
	rollingBack      = string(types.StackStatusRollbackInProgress)
	rolledBack       = string(types.StackStatusRollbackComplete)
	rollbackFailed   = string(types.StackStatusRollbackFailed)
	updating         = string(types.StackStatusUpdateInProgress)
	cleaning         = string(types.StackStatusUpdateCompleteCleanupInProgress)
	updated          = string(types.StackStatusUpdateComplete)
	updateFailed     = string(types.StackStatusUpdateFailed)
	updateRolling    = string(types.StackStatusUpdateRollbackInProgress)
	updateRolled     = string(types.StackStatusUpdateRollbackComplete)
	updateRollFailed = string(types.StackStatusUpdateRollbackFailed)
	deleting         = string(types.StackStatusDeleteInProgress)
	deleted          = string(types.StackStatusDeleteComplete)
	deleteFailed     = string(types.StackStatusDeleteFailed)
)

// inProgress reports whether a goroutine must drive the stack.
func (s *stack) inProgress() bool {
	return strings.HasSuffix(s.Status, "_IN_PROGRESS") && s.Status != review
}

// event is one line of a stack's history, as stored.
type event struct {
	N          uint64    `json:"n"`
	Time       time.Time `json:"time"`
	LogicalID  string    `json:"logical"`
	PhysicalID string    `json:"physical,omitempty"`
	Type       string    `json:"type"`
	Status     string    `json:"status"`
	Reason     string    `json:"reason,omitempty"`
	Properties string    `json:"props,omitempty"`
	Token      string    `json:"token,omitempty"`
}

// changeSet is a change set as stored.
type changeSet struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	StackID     string          `json:"stack"`
	StackName   string          `json:"stackName"`
	Type        string          `json:"type"` // CREATE or UPDATE
	Description string          `json:"description,omitempty"`
	Status      string          `json:"status"`
	Reason      string          `json:"reason,omitempty"`
	Execution   string          `json:"execution"`
	Created     time.Time       `json:"created"`
	Revision    revision        `json:"revision"`
	Changes     []deploy.Change `json:"changes,omitempty"`
	OnFailure   string          `json:"onFailure,omitempty"`
}

// export is an exported output.
type export struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	StackID string `json:"stack"`
}

const stackType = "AWS::CloudFormation::Stack"
