package sqs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// Limits of message move tasks.
const (
	// MaxMoveRate is the most messages a task may be told to move in a second.
	MaxMoveRate = 500
	// MaxTasksListed bounds what ListMessageMoveTasks answers, and what is kept per queue.
	MaxTasksListed = 10
	// moveBatch bounds the messages moved by one transaction; with the largest
	// messages it stays far below what a transaction may write.
	moveBatch = 20
)

// task is a move task as the store keeps it.
type task struct {
	ID          string
	Source      string
	Destination string // empty: each message's own source
	Rate        int32  // messages per second, 0: as fast as it goes
	Started     int64  // milliseconds
	Status      string // RUNNING, COMPLETED, CANCELLED, FAILED
	Moved       int64
	ToMove      int64
	Limit       uint64 // messages from here on came after the start and stay
	Failure     string
}

// movers are the tasks under way, by source ARN.
type movers struct {
	mu      sync.Mutex
	running map[string]context.CancelFunc
}

func (t *task) handle() *string {
	b, _ := json.Marshal(map[string]string{"taskId": t.ID, "sourceArn": t.Source}) // strings always marshal
	s := base64.StdEncoding.EncodeToString(b)
	return &s
}

func putTask(tx kv.Txn, t *task) error {
	b, err := encodeJSON(t)
	if err != nil {
		return err
	}
	return tx.Set(keyTask(t.Source, t.ID), b)
}

// tasksOf reads the tasks of a source, latest first; all tasks for "".
func (s *Service) tasksOf(ctx context.Context, source string) (list []*task, err error) {
	prefix := kv.Key(kv.SpaceSQS, "t")
	if source != "" {
		prefix = kv.Key(kv.SpaceSQS, "t", source)
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.PrefixRange(prefix), func(_, value []byte) error {
			t := &task{}
			list = append(list, t)
			return decodeJSON(value, t)
		})
	})
	sort.SliceStable(list, func(i, j int) bool { return list[i].Started > list[j].Started })
	return list, err
}

// StartMessageMoveTask begins to move the messages of a dead-letter queue to
// another queue, or back to where each came from. The task goes on after a restart.
//
// Messages that are in flight when the task comes to them stay, as do those that
// arrive after its start.
//
// Limits: one running task per source; 500 messages per second where a rate is given.
// Errors: ResourceNotFoundException, InvalidParameterValue, UnsupportedOperation, MissingParameter.
// Differs: nothing.
func (s *Service) StartMessageMoveTask(ctx context.Context, in *sqs.StartMessageMoveTaskInput) (*sqs.StartMessageMoveTaskOutput, error) {
	if in.SourceArn == nil || *in.SourceArn == "" {
		return nil, errMissing("SourceArn")
	}
	source, err := s.taskQueue(ctx, "StartMessageMoveTask", "SourceArn", *in.SourceArn)
	if err != nil {
		return nil, err
	}
	if !s.isDeadLetterQueue(source.arn) {
		return nil, errInvalidParameter("Source queue must be configured as a Dead Letter Queue.")
	}
	t := &task{ID: newUUID(), Source: source.arn, Started: s.now(), Status: "RUNNING"}
	if in.DestinationArn != nil && *in.DestinationArn != "" {
		to, err := s.taskQueue(ctx, "SendMessage", "DestinationArn", *in.DestinationArn)
		if err != nil {
			return nil, err
		}
		if to == source || to.fifo != source.fifo {
			return nil, errInvalidParameter("Source queue and destination queue must be different and of the same type.")
		}
		t.Destination = to.arn
	}
	if n := in.MaxNumberOfMessagesPerSecond; n != nil {
		if *n < 1 || *n > MaxMoveRate {
			return nil, errValue("MaxNumberOfMessagesPerSecond", *n, "Must be between 1 and 500, if provided.")
		}
		t.Rate = *n
	}
	source.mu.Lock()
	t.ToMove, t.Limit = int64(len(source.idx.entries)), source.next
	source.mu.Unlock()
	if err := s.startTask(ctx, t); err != nil {
		return nil, err
	}
	return &sqs.StartMessageMoveTaskOutput{TaskHandle: t.handle()}, nil
}

// taskQueue finds a queue that a task names by ARN.
func (s *Service) taskQueue(ctx context.Context, action, parameter, arn string) (*queue, error) {
	if a, err := aws.ParseARN(arn); err != nil || a.Service != "sqs" {
		return nil, errValue(parameter, arn, "Invalid ARN.")
	}
	q := s.findARN(arn)
	if q == nil {
		return nil, errTaskNotFound("The resource that you specified for the %s parameter doesn't exist.", parameter)
	}
	return q, s.authorize(ctx, action, q)
}

func (s *Service) isDeadLetterQueue(arn string) bool {
	for _, q := range s.all() {
		if q.givesUpTo(arn) {
			return true
		}
	}
	return false
}

// startTask makes a task durable, forgets the oldest, and sets it going.
func (s *Service) startTask(ctx context.Context, t *task) error {
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	if s.tasks.running[t.Source] != nil {
		return errUnsupported("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
	}
	old, err := s.tasksOf(ctx, t.Source)
	if err != nil {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		for i := MaxTasksListed - 1; i < len(old); i++ {
			if err := tx.Delete(keyTask(old[i].Source, old[i].ID)); err != nil {
				return err
			}
		}
		return putTask(tx, t)
	})
	if err != nil {
		return err
	}
	s.launch(t)
	return nil
}

// launch runs a task in a goroutine that Close waits for; tasks.mu is held.
func (s *Service) launch(t *task) {
	ctx, cancel := context.WithCancel(s.ctx)
	s.tasks.running[t.Source] = cancel
	s.group.Add(1)
	go func() {
		defer s.group.Done()
		s.runTask(ctx, t)
		s.tasks.mu.Lock()
		delete(s.tasks.running, t.Source)
		s.tasks.mu.Unlock()
		cancel()
	}()
}

// resumeTasks sets going what a previous life left running.
func (s *Service) resumeTasks(ctx context.Context) error {
	list, err := s.tasksOf(ctx, "")
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	for _, t := range list {
		if t.Status == "RUNNING" {
			s.launch(t)
		}
	}
	return err
}

// errTaskDone ends a task whose work is done.
var errTaskDone = errors.New("done")

// runTask moves batches until nothing is left, the task is cancelled (its status
// in the store says so), or the service closes (the status stays RUNNING).
func (s *Service) runTask(ctx context.Context, t *task) {
	for {
		n, err := s.moveSome(ctx, t)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errTaskDone):
			s.endTask(t, "COMPLETED", "")
			return
		case err != nil:
			s.endTask(t, "FAILED", failureReason(err))
			return
		}
		if rest := t.movePause(n); rest > 0 && !s.pause(ctx, rest) {
			return
		}
	}
}

func failureReason(err error) string {
	if e, ok := aws.AsError(err); ok {
		return e.Code
	}
	return "CouldNotReadOrWriteMessages"
}

func (s *Service) pause(ctx context.Context, d time.Duration) bool {
	timer := s.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}

func (s *Service) endTask(t *task, status, reason string) {
	t.Status, t.Failure = status, reason
	err := s.update(context.Background(), func(tx kv.Txn) error { return s.replaceRunning(tx, t) })
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("recording the end of a message move task failed", "source", t.Source, "error", err)
	}
}

// replaceRunning rewrites a task unless it was cancelled or its queue deleted meanwhile.
func (s *Service) replaceRunning(tx kv.Txn, t *task) error {
	b, ok, err := tx.Get(keyTask(t.Source, t.ID))
	if err != nil || !ok {
		return err
	}
	var stored task
	if err := decodeJSON(b, &stored); err != nil || stored.Status != "RUNNING" {
		return err
	}
	return putTask(tx, t)
}

// CancelMessageMoveTask ends a running task; what it has moved stays moved.
//
// Errors: ResourceNotFoundException, UnsupportedOperation, InvalidParameterValue, MissingParameter.
// Differs: the task is CANCELLED when it is answered, without a time of CANCELLING.
func (s *Service) CancelMessageMoveTask(ctx context.Context, in *sqs.CancelMessageMoveTaskInput) (*sqs.CancelMessageMoveTaskOutput, error) {
	if in.TaskHandle == nil || *in.TaskHandle == "" {
		return nil, errMissing("TaskHandle")
	}
	var h struct{ TaskID, SourceArn string }
	b, err := base64.StdEncoding.DecodeString(*in.TaskHandle)
	if err != nil || json.Unmarshal(b, &h) != nil || h.TaskID == "" || h.SourceArn == "" {
		return nil, errValue("TaskHandle", *in.TaskHandle, "Invalid task handle.")
	}
	if _, err := s.taskQueue(ctx, "CancelMessageMoveTask", "SourceArn", h.SourceArn); err != nil {
		return nil, err
	}
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	var t task
	err = s.update(ctx, func(tx kv.Txn) error {
		b, ok, err := tx.Get(keyTask(h.SourceArn, h.TaskID))
		if err != nil {
			return err
		}
		if !ok {
			return errTaskNotFound("Task does not exist.")
		}
		t = task{}
		if err := decodeJSON(b, &t); err != nil {
			return err
		}
		if t.Status != "RUNNING" {
			return errUnsupported("Only active tasks can be cancelled.")
		}
		t.Status = "CANCELLED"
		return putTask(tx, &t)
	})
	if err != nil {
		return nil, err
	}
	if cancel := s.tasks.running[h.SourceArn]; cancel != nil {
		cancel()
	}
	return &sqs.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: t.Moved}, nil
}

// ListMessageMoveTasks answers the latest tasks of a source queue.
//
// Limits: 10 tasks; older ones are forgotten.
// Errors: ResourceNotFoundException, InvalidParameterValue, MissingParameter.
// Differs: nothing.
func (s *Service) ListMessageMoveTasks(ctx context.Context, in *sqs.ListMessageMoveTasksInput) (*sqs.ListMessageMoveTasksOutput, error) {
	if in.SourceArn == nil || *in.SourceArn == "" {
		return nil, errMissing("SourceArn")
	}
	limit := int32(1)
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	if limit < 1 || limit > MaxTasksListed {
		return nil, errValue("MaxResults", limit, "Must be between 1 and 10, if provided.")
	}
	q, err := s.taskQueue(ctx, "ListMessageMoveTasks", "SourceArn", *in.SourceArn)
	if err != nil {
		return nil, err
	}
	list, err := s.tasksOf(ctx, q.arn)
	if err != nil {
		return nil, err
	}
	out := &sqs.ListMessageMoveTasksOutput{Results: []types.ListMessageMoveTasksResultEntry{}}
	for _, t := range list[:min(len(list), int(limit))] {
		out.Results = append(out.Results, t.present())
	}
	return out, nil
}

func (t *task) present() types.ListMessageMoveTasksResultEntry {
	e := types.ListMessageMoveTasksResultEntry{
		Status: &t.Status, SourceArn: &t.Source, StartedTimestamp: t.Started,
		ApproximateNumberOfMessagesMoved: t.Moved, ApproximateNumberOfMessagesToMove: &t.ToMove,
	}
	if t.Destination != "" {
		e.DestinationArn = &t.Destination
	}
	if t.Rate > 0 {
		e.MaxNumberOfMessagesPerSecond = &t.Rate
	}
	if t.Failure != "" {
		e.FailureReason = &t.Failure
	}
	if t.Status == "RUNNING" {
		e.TaskHandle = t.handle()
	}
	return e
}
