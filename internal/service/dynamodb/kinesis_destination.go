package dynamodb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

// StreamSink is where the changes of tables with a Kinesis destination go.
type StreamSink interface {
	// Exists tells whether a Kinesis stream is there.
	Exists(ctx context.Context, streamARN string) (bool, error)
	// Put hands over records in order and returns once they are durable; it may
	// be given the same record again after an error.
	Put(ctx context.Context, streamARN string, records []SinkRecord) error
}

// SinkRecord is one change for a Kinesis stream.
type SinkRecord struct {
	PartitionKey string
	Data         []byte // JSON
}

// feedRecords is how many records one Put of a destination takes.
const feedRecords = 500

// EnableKinesisStreamingDestination sends a table's changes to a Kinesis stream from now on.
//
// Limits: two active destinations a table.
// Errors: LimitExceededException, ResourceInUseException, ResourceNotFoundException, ValidationException.
// Differs: the destination is active at once.
func (s *Service) EnableKinesisStreamingDestination(ctx context.Context, in *dynamodb.EnableKinesisStreamingDestinationInput) (*dynamodb.EnableKinesisStreamingDestinationOutput, error) {
	if err := s.checkSink(ctx, in.StreamArn); err != nil {
		return nil, err
	}
	precision := string(types.ApproximateCreationDateTimePrecisionMillisecond)
	if c := in.EnableKinesisStreamingConfiguration; c != nil && c.ApproximateCreationDateTimePrecision != "" {
		precision = string(c.ApproximateCreationDateTimePrecision)
	}
	err := s.changeTable(ctx, in.TableName, func(tx kv.Txn, t *Table) error {
		active := 0
		for _, d := range t.Kinesis {
			if d.Active && d.ARN == *in.StreamArn {
				return resourceInUse("Table is already enabled for streaming to the given Kinesis stream: %s", d.ARN)
			}
			if d.Active {
				active++
			}
		}
		if active == maxDestinations {
			return limitExceeded("Table already has the maximum of %d active Kinesis streaming destinations", maxDestinations)
		}
		outbox, err := s.log.Create(tx, shardlog.EvenRanges(1), StreamRetention)
		if err != nil {
			return err
		}
		t.Kinesis = slices.DeleteFunc(t.Kinesis, func(d KinesisDest) bool { return d.ARN == *in.StreamArn })
		t.NextNum++
		t.Kinesis = append(t.Kinesis, KinesisDest{ARN: *in.StreamArn, Precision: precision, Active: true, Outbox: outbox, Num: t.NextNum})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.EnableKinesisStreamingDestinationOutput{
		TableName: in.TableName, StreamArn: in.StreamArn, DestinationStatus: types.DestinationStatusEnabling,
		EnableKinesisStreamingConfiguration: &types.EnableKinesisStreamingConfiguration{ApproximateCreationDateTimePrecision: types.ApproximateCreationDateTimePrecision(precision)},
	}, nil
}

// maxDestinations is how many Kinesis streams a table may send its changes to.
const maxDestinations = 2

func (s *Service) checkSink(ctx context.Context, arn *string) error {
	var p problems
	if arn == nil {
		p.add("null", "streamArn", mustNotBeNull)
	}
	if err := p.err(); err != nil {
		return err
	}
	if s.opts.Sink == nil {
		return validation("Kinesis streaming destinations are not available: there is no Kinesis service")
	}
	ok, err := s.opts.Sink.Exists(ctx, *arn)
	if err != nil {
		return storage(err)
	}
	if !ok {
		return resourceNotFound("Requested resource not found: Kinesis stream: %s not found", *arn)
	}
	return nil
}

// DisableKinesisStreamingDestination stops sending a table's changes to a Kinesis stream.
//
// Errors: ResourceInUseException, ResourceNotFoundException, ValidationException.
// Differs: changes that have not been sent yet are not sent any more.
func (s *Service) DisableKinesisStreamingDestination(ctx context.Context, in *dynamodb.DisableKinesisStreamingDestinationInput) (*dynamodb.DisableKinesisStreamingDestinationOutput, error) {
	err := s.changeDestination(ctx, in.TableName, in.StreamArn, func(tx kv.Txn, t *Table, d *KinesisDest) error {
		return s.closeDestination(tx, t, d)
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DisableKinesisStreamingDestinationOutput{TableName: in.TableName, StreamArn: in.StreamArn, DestinationStatus: types.DestinationStatusDisabling}, nil
}

func (s *Service) changeDestination(ctx context.Context, table, arn *string, fn func(kv.Txn, *Table, *KinesisDest) error) error {
	return s.changeTable(ctx, table, func(tx kv.Txn, t *Table) error {
		for i := range t.Kinesis {
			if d := &t.Kinesis[i]; d.ARN == awssdk.ToString(arn) && d.Active {
				return fn(tx, t, d)
			}
		}
		return validation("Table is not in a valid state to enable Kinesis Streaming Destination: KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.")
	})
}

// closeDestination drops a destination's outbox. Nobody waits on an outbox but the feeder, which finds it gone.
func (s *Service) closeDestination(tx kv.Txn, t *Table, d *KinesisDest) error {
	if !d.Active {
		return nil
	}
	d.Active = false
	if err := tx.Delete(feedKey(t.ID, d.Num)); err != nil {
		return err
	}
	return s.log.Drop(tx, d.Outbox)
}

// UpdateKinesisStreamingDestination changes the precision of a destination's timestamps.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) UpdateKinesisStreamingDestination(ctx context.Context, in *dynamodb.UpdateKinesisStreamingDestinationInput) (*dynamodb.UpdateKinesisStreamingDestinationOutput, error) {
	c := in.UpdateKinesisStreamingConfiguration
	if c == nil || c.ApproximateCreationDateTimePrecision == "" {
		return nil, validation("Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot be null or contain only null values")
	}
	err := s.changeDestination(ctx, in.TableName, in.StreamArn, func(_ kv.Txn, _ *Table, d *KinesisDest) error {
		d.Precision = string(c.ApproximateCreationDateTimePrecision)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.UpdateKinesisStreamingDestinationOutput{TableName: in.TableName, StreamArn: in.StreamArn, DestinationStatus: types.DestinationStatusUpdating, UpdateKinesisStreamingConfiguration: c}, nil
}

// DescribeKinesisStreamingDestination lists a table's destinations.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) DescribeKinesisStreamingDestination(ctx context.Context, in *dynamodb.DescribeKinesisStreamingDestinationInput) (*dynamodb.DescribeKinesisStreamingDestinationOutput, error) {
	out := &dynamodb.DescribeKinesisStreamingDestinationOutput{TableName: in.TableName, KinesisDataStreamDestinations: []types.KinesisDataStreamDestination{}}
	err := s.viewTable(ctx, in.TableName, func(_ kv.Reader, t *Table) error {
		for _, d := range t.Kinesis {
			status := types.DestinationStatusDisabled
			if d.Active {
				status = types.DestinationStatusActive
			}
			out.KinesisDataStreamDestinations = append(out.KinesisDataStreamDestinations, types.KinesisDataStreamDestination{
				StreamArn: awssdk.String(d.ARN), DestinationStatus: status, ApproximateCreationDateTimePrecision: types.ApproximateCreationDateTimePrecision(d.Precision),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func feedKey(table, dest uint64) []byte { return kv.Key(kv.SpaceDynamoDB, "k", table, dest) }

// feed sends what is in the outboxes to their Kinesis streams.
func (s *Service) feed(ctx context.Context) error {
	if s.opts.Sink == nil {
		return nil
	}
	var tables []*Table
	err := s.store.View(ctx, func(r kv.Reader) error {
		return s.eachTable(r, "", "", "", func(t *Table) error {
			if len(t.Kinesis) > 0 {
				tables = append(tables, t)
			}
			return nil
		})
	})
	for _, t := range tables {
		for i := range t.Kinesis {
			for more := err == nil && t.Kinesis[i].Active; err == nil && more; {
				more, err = s.feedSome(ctx, t, &t.Kinesis[i])
			}
		}
	}
	return storage(err)
}

// feedSome sends one batch and remembers how far it got: a batch may go out
// twice after a crash, never not at all.
func (s *Service) feedSome(ctx context.Context, t *Table, d *KinesisDest) (more bool, err error) {
	var batch []SinkRecord
	var pg shardlog.Page
	key := feedKey(t.ID, d.Num)
	err = s.store.View(ctx, func(r kv.Reader) error {
		var from shardlog.Seq
		b, ok, err := r.Get(key)
		if err != nil {
			return err
		}
		if ok && len(b) == 9 {
			from = shardlog.Seq(binary.BigEndian.Uint64(b[1:]))
		}
		pg, err = s.log.ReadIn(r, d.Outbox, 0, from, shardlog.Bounds{Records: feedRecords, Bytes: maxStreamBytes})
		if errors.Is(err, shardlog.ErrNoStream) {
			return nil // disabled meanwhile
		}
		return err
	})
	if err != nil || len(pg.Records) == 0 {
		return false, err
	}
	for i := range pg.Records {
		rec, err := kinesisRecord(t, d, &pg.Records[i])
		if err != nil {
			return false, err
		}
		batch = append(batch, rec)
	}
	if err := s.opts.Sink.Put(ctx, d.ARN, batch); err != nil {
		return false, fmt.Errorf("send changes of %s to %s: %w", t.Name, d.ARN, err)
	}
	_, err = s.update(ctx, func(tx kv.Txn, _ *effects) error {
		return tx.Set(key, binary.BigEndian.AppendUint64([]byte{valueVersion}, uint64(pg.Next)))
	})
	return err == nil, err
}

// kinesisRecord renders a change as DynamoDB writes it into Kinesis streams.
func kinesisRecord(t *Table, d *KinesisDest, r *shardlog.Record) (SinkRecord, error) {
	c, err := decodeChange(r.Flags, r.Data)
	if err != nil {
		return SinkRecord{}, err
	}
	at := r.Seq.Time().UnixMilli()
	if d.Precision == string(types.ApproximateCreationDateTimePrecisionMicrosecond) {
		at *= int64(time.Millisecond / time.Microsecond)
	}
	b := fmt.Appendf(nil, `{"awsRegion":%q,"eventID":"%016x%016x","eventName":%q,"userIdentity":`, t.Region, uint64(d.Outbox), uint64(r.Seq), c.event)
	if c.expired {
		b = append(b, `{"type":"Service","principalId":"`+ttlPrincipal+`"}`...)
	} else {
		b = append(b, "null"...)
	}
	b = fmt.Appendf(b, `,"recordFormat":"application/json","tableName":%q,"dynamodb":{"ApproximateCreationDateTime":%d,"Keys":`, t.Name, at)
	b = c.keys.AppendJSON(b)
	for _, img := range []struct {
		name string
		it   attr.Item
	}{{"NewImage", c.new}, {"OldImage", c.old}} {
		if img.it != nil {
			b = img.it.AppendJSON(append(b, `,"`+img.name+`":`...))
		}
	}
	b = fmt.Appendf(b, `,"SizeBytes":%d,"ApproximateCreationDateTimePrecision":%q},"eventSource":"aws:dynamodb"}`, c.size(), d.Precision)
	key := c.keys.AppendJSON(nil)
	return SinkRecord{PartitionKey: fmt.Sprintf("%016X", hashText(key)), Data: b}, nil
}
