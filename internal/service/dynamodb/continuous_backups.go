package dynamodb

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// maxRecoveryDays is the longest window of point-in-time recovery.
const maxRecoveryDays = 35

// UpdateContinuousBackups keeps the setting of point-in-time recovery.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: the setting is stored and shown; nothing is restored from it, RestoreTableToPointInTime being absent.
func (s *Service) UpdateContinuousBackups(ctx context.Context, in *dynamodb.UpdateContinuousBackupsInput) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	sp := in.PointInTimeRecoverySpecification
	if sp == nil || sp.PointInTimeRecoveryEnabled == nil {
		return nil, validation("1 validation error detected: Value null at 'pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled' failed to satisfy constraint: %s", mustNotBeNull)
	}
	days := int32(maxRecoveryDays)
	if sp.RecoveryPeriodInDays != nil {
		var p problems
		p.between(sp.RecoveryPeriodInDays, "pointInTimeRecoverySpecification.recoveryPeriodInDays", 1, maxRecoveryDays)
		if err := p.err(); err != nil {
			return nil, err
		}
		days = *sp.RecoveryPeriodInDays
	}
	var d *types.ContinuousBackupsDescription
	err := s.changeTable(ctx, in.TableName, func(_ kv.Txn, t *Table) error {
		since := s.millis()
		if t.PITR != nil && t.PITR.Enabled {
			since = t.PITR.Since
		}
		t.PITR = &PITR{Enabled: *sp.PointInTimeRecoveryEnabled, Days: days, Since: since}
		d = s.describeBackups(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: d}, nil
}

func (s *Service) describeBackups(t *Table) *types.ContinuousBackupsDescription {
	pit := &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusDisabled}
	if t.PITR != nil && t.PITR.Enabled {
		earliest := max(t.PITR.Since, s.millis()-int64(t.PITR.Days)*86_400_000)
		pit.PointInTimeRecoveryStatus, pit.RecoveryPeriodInDays = types.PointInTimeRecoveryStatusEnabled, awssdk.Int32(t.PITR.Days)
		pit.EarliestRestorableDateTime, pit.LatestRestorableDateTime = millisTime(earliest), millisTime(s.millis())
	}
	return &types.ContinuousBackupsDescription{ContinuousBackupsStatus: types.ContinuousBackupsStatusEnabled, PointInTimeRecoveryDescription: pit}
}

// DescribeContinuousBackups tells the setting of point-in-time recovery.
//
// Errors: TableNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) DescribeContinuousBackups(ctx context.Context, in *dynamodb.DescribeContinuousBackupsInput) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	out := &dynamodb.DescribeContinuousBackupsOutput{}
	err := s.viewTable(ctx, in.TableName, func(_ kv.Reader, t *Table) error {
		out.ContinuousBackupsDescription = s.describeBackups(t)
		return nil
	})
	if aws.IsCode(err, "ResourceNotFoundException") {
		err = aws.Errorf("TableNotFoundException", "Table not found: %s", *in.TableName)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
