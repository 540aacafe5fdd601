package dynamodb

import (
	"context"
	"fmt"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// UpdateTable changes billing and throughput, adds, changes and removes global
// indexes, switches the change stream, and keeps settings. What may not be changed together,
// or would not change, is refused in the words AWS answered with in October 2026.
//
// Limits: one index added or removed at a time; 20 global indexes.
// Errors: LimitExceededException, ResourceInUseException, ResourceNotFoundException, ValidationException.
// Differs: throughput may be lowered as often as one likes; the answer says UPDATING as on AWS, but the change is in force at once; a new index is filled in the background. ReplicaUpdates, GlobalTableWitnessUpdates, GlobalTableSettingsReplicationMode, MultiRegionConsistency, DisassociationProtectionEnabled and VectorIndexUpdates are refused: there is one region and no vector index.
func (s *Service) UpdateTable(ctx context.Context, in *dynamodb.UpdateTableInput) (*dynamodb.UpdateTableOutput, error) {
	ref, err := controlRef(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := updateMembers(in); err != nil {
		return nil, err
	}
	var d *types.TableDescription
	_, err = s.update(ctx, func(tx kv.Txn, fx *effects) error {
		t, err := s.tableAt(tx, ref.key())
		if err != nil {
			return err
		}
		if t == nil {
			return tableNotFound(ref.name)
		}
		before, err := s.describe(tx, t)
		if err != nil {
			return err
		}
		t = t.clone()
		if err := s.alter(aws.RequestFrom(ctx), tx, t, in, fx); err != nil {
			return err
		}
		t.prepare()
		if err := s.saveTable(tx, t); err != nil {
			return err
		}
		if d, err = s.describe(tx, t); err == nil {
			d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, deletedIndexes(before, in.GlobalSecondaryIndexUpdates)...)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	wake(s.work)
	d.TableStatus = types.TableStatusUpdating
	echoMax(d, in.OnDemandThroughput)
	return &dynamodb.UpdateTableOutput{TableDescription: d}, nil
}

// echoMax shows a ceiling that was taken away as the -1 that took it, which AWS does in
// this answer alone.
func echoMax(d *types.TableDescription, in *types.OnDemandThroughput) {
	if in == nil {
		return
	}
	if d.OnDemandThroughput == nil {
		d.OnDemandThroughput = &types.OnDemandThroughput{}
	}
	if in.MaxReadRequestUnits != nil {
		d.OnDemandThroughput.MaxReadRequestUnits = in.MaxReadRequestUnits
	}
	if in.MaxWriteRequestUnits != nil {
		d.OnDemandThroughput.MaxWriteRequestUnits = in.MaxWriteRequestUnits
	}
}

// deletedIndexes are the indexes that an update removed, as they leave.
func deletedIndexes(before *types.TableDescription, updates []types.GlobalSecondaryIndexUpdate) (out []types.GlobalSecondaryIndexDescription) {
	for _, u := range updates {
		for _, g := range before.GlobalSecondaryIndexes {
			if u.Delete != nil && *u.Delete.IndexName == *g.IndexName {
				g.IndexStatus = types.IndexStatusDeleting
				out = append(out, g)
			}
		}
	}
	return out
}

func updateMembers(in *dynamodb.UpdateTableInput) error {
	var p problems
	p.attributes(in.AttributeDefinitions)
	p.enum(string(in.BillingMode), "billingMode", []string{"PROVISIONED", "PAY_PER_REQUEST"})
	p.throughput("provisionedThroughput", in.ProvisionedThroughput)
	for i, u := range in.GlobalSecondaryIndexUpdates {
		at := fmt.Sprintf("globalSecondaryIndexUpdates.%d.member", i+1)
		if u.Create != nil {
			p.index(at+".create", u.Create.IndexName, u.Create.KeySchema, u.Create.Projection, 2*maxKeyParts)
			p.throughput(at+".create.provisionedThroughput", u.Create.ProvisionedThroughput)
		}
		if u.Update != nil {
			p.throughput(at+".update.provisionedThroughput", u.Update.ProvisionedThroughput)
			if u.Update.IndexName == nil {
				p.add("null", at+".update.indexName", mustNotBeNull)
			}
		}
		if u.Delete != nil && u.Delete.IndexName == nil {
			p.add("null", at+".delete.indexName", mustNotBeNull)
		}
	}
	if in.StreamSpecification != nil {
		if in.StreamSpecification.StreamEnabled == nil {
			p.add("null", "streamSpecification.streamEnabled", mustNotBeNull)
		}
		p.enum(string(in.StreamSpecification.StreamViewType), "streamSpecification.streamViewType", viewSet)
	}
	p.sse(in.SSESpecification)
	if err := p.err(); err != nil {
		return err
	}
	if m := in.OnDemandThroughput; m != nil && m.MaxReadRequestUnits == nil && m.MaxWriteRequestUnits == nil {
		in.OnDemandThroughput = nil
	}
	if w := in.WarmThroughput; w != nil && w.ReadUnitsPerSecond == nil && w.WriteUnitsPerSecond == nil {
		in.WarmThroughput = nil
	}
	switch {
	case in.ReplicaUpdates != nil || in.GlobalTableWitnessUpdates != nil || in.GlobalTableSettingsReplicationMode != "" || in.MultiRegionConsistency != "" || in.DisassociationProtectionEnabled != nil:
		return validation("Global tables are not supported")
	case in.VectorIndexUpdates != nil:
		return validation("Vector indexes are not supported")
	case in.ProvisionedThroughput == nil && in.BillingMode == "" && len(in.GlobalSecondaryIndexUpdates) == 0 && in.StreamSpecification == nil && in.SSESpecification == nil &&
		in.TableClass == "" && in.DeletionProtectionEnabled == nil && in.OnDemandThroughput == nil && in.WarmThroughput == nil:
		return validation("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required")
	case in.GlobalSecondaryIndexUpdates != nil && len(in.GlobalSecondaryIndexUpdates) == 0:
		return invalidParam("List of GlobalSecondaryIndexUpdates is empty")
	}
	if err := checkClass(in.TableClass); err != nil {
		return err
	}
	if err := checkCombination(in); err != nil {
		return err
	}
	switch sp := in.StreamSpecification; {
	case sp == nil:
	case *sp.StreamEnabled && sp.StreamViewType == "":
		return invalidParam("If stream is being enabled then UpdateViewType is required")
	case !*sp.StreamEnabled && sp.StreamViewType != "":
		return invalidParam("If stream is being disabled, then UpdateViewType must not be specified")
	}
	return nil
}

// checkCombination refuses changes that one request may not make together.
func checkCombination(in *dynamodb.UpdateTableInput) error {
	indexes, online, created := len(in.GlobalSecondaryIndexUpdates) > 0, false, false
	for _, u := range in.GlobalSecondaryIndexUpdates {
		online = online || u.Create != nil || u.Delete != nil
		created = created || u.Create != nil
	}
	throughput := in.ProvisionedThroughput != nil
	total := 0
	for _, there := range []bool{in.SSESpecification != nil, in.TableClass != "", in.DeletionProtectionEnabled != nil, in.WarmThroughput != nil,
		in.OnDemandThroughput != nil, throughput, in.BillingMode != "", indexes, in.StreamSpecification != nil} {
		if there {
			total++
		}
	}
	switch {
	case total < 2:
	case in.SSESpecification != nil:
		return invalidParam("Server-Side Encryption modification must be the only operation in the request")
	case in.TableClass != "":
		return invalidParam("TableClass modification must be the only operation in the request")
	case in.DeletionProtectionEnabled != nil:
		return invalidParam("DeletionProtection modification must be the only operation in the request")
	case in.WarmThroughput != nil && created:
		return invalidParam("Create global secondary index cannot be specified when updating WarmThroughput")
	case in.WarmThroughput != nil:
		return invalidParam("WarmThroughput must be the only operation in the request")
	case in.OnDemandThroughput != nil && (in.BillingMode == "" || total > 2):
		return invalidParam("OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
	case throughput && in.StreamSpecification != nil:
		return invalidParam("You cannot modify stream status while updating table IOPS")
	case throughput && online:
		return invalidParam("You cannot create or delete index while updating table IOPS")
	case in.StreamSpecification != nil && online:
		return invalidParam("You cannot create or delete index while changing stream status")
	}
	return nil
}

func (s *Service) alter(req *aws.Request, tx kv.Txn, t *Table, in *dynamodb.UpdateTableInput, fx *effects) error {
	if err := s.alterBilling(t, in); err != nil {
		return err
	}
	if err := s.alterIndexes(tx, t, in); err != nil {
		return err
	}
	if sp := in.StreamSpecification; sp != nil {
		if err := s.alterStream(tx, t, sp, fx); err != nil {
			return err
		}
	}
	if in.SSESpecification != nil {
		if err := t.encrypt(req, in.SSESpecification); err != nil {
			return err
		}
	}
	if in.TableClass != "" {
		t.Class, t.ClassAt = string(in.TableClass), s.millis()
	}
	if in.DeletionProtectionEnabled != nil {
		t.Protected = *in.DeletionProtectionEnabled
	}
	if err := checkMax(in.OnDemandThroughput, t.OnDemand, "", true); err != nil {
		return err
	}
	if err := checkWarm(t, in.WarmThroughput, t.Warm, t.Provisioned, "", true); err != nil {
		return err
	}
	t.MaxOnDemand, t.Warm = maxOf(t.MaxOnDemand, in.OnDemandThroughput), warmOf(t.Warm, in.WarmThroughput)
	return nil
}

// encrypt changes the encryption, which must be a change.
func (t *Table) encrypt(req *aws.Request, sp *types.SSESpecification) error {
	sse, err := sseOf(req, sp)
	switch {
	case err != nil:
		return err
	case sse == nil && t.SSE == nil:
		return invalidParam("Table is already encrypted by default")
	case sse != nil && t.SSE != nil && *sse == *t.SSE:
		return invalidParam("Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change Master Key")
	}
	t.SSE = sse
	return nil
}

func (s *Service) alterBilling(t *Table, in *dynamodb.UpdateTableInput) error {
	pt := in.ProvisionedThroughput
	switch {
	case in.BillingMode == types.BillingModePayPerRequest && pt != nil:
		return invalidParam("ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST")
	case in.BillingMode == types.BillingModeProvisioned && t.OnDemand && pt == nil:
		return invalidParam("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	case in.BillingMode == types.BillingModePayPerRequest || in.BillingMode == "" && t.OnDemand && pt != nil:
		if err := t.setBilling(types.BillingModePayPerRequest, pt, s.millis()); err != nil {
			return err
		}
		for i := range t.Indexes {
			t.Indexes[i].Provisioned = Throughput{}
		}
	case pt != nil:
		old, was := t.Provisioned, t.OnDemand
		if err := t.setBilling(types.BillingModeProvisioned, pt, 0); err != nil {
			return err
		}
		if was {
			// The ceilings of on-demand throughput end with it.
			t.MaxOnDemand = nil
			if err := t.provisionIndexes(in.GlobalSecondaryIndexUpdates); err != nil {
				return err
			}
		}
		if !was && old.Read == t.Provisioned.Read && old.Write == t.Provisioned.Write && len(in.GlobalSecondaryIndexUpdates) == 0 {
			return validation("The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: %d. Requested ReadCapacityUnits: %d. Current WriteCapacityUnits provisioned for the table: %d. Requested WriteCapacityUnits: %d. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
				old.Read, old.Read, old.Write, old.Write)
		}
		t.Provisioned.changed(old, s.millis())
	}
	return nil
}

// provisionIndexes checks that every global index gets throughput with the table that
// becomes provisioned.
func (t *Table) provisionIndexes(updates []types.GlobalSecondaryIndexUpdate) error {
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		if !ix.Global {
			continue
		}
		given := slices.ContainsFunc(updates, func(u types.GlobalSecondaryIndexUpdate) bool {
			return u.Update != nil && *u.Update.IndexName == ix.Name && u.Update.ProvisionedThroughput != nil
		})
		if !given {
			return invalidParam("ProvisionedThroughput must be specified for index: %s", ix.Name)
		}
		ix.MaxOnDemand = nil
	}
	return nil
}

// changed keeps when throughput was raised and lowered.
func (p *Throughput) changed(old Throughput, now int64) {
	p.Increased, p.Decreased, p.DecreasesToday = old.Increased, old.Decreased, old.DecreasesToday
	if p.Read > old.Read || p.Write > old.Write {
		p.Increased = now
	}
	if p.Read < old.Read || p.Write < old.Write {
		const day = 86_400_000
		if old.Decreased/day != now/day {
			p.DecreasesToday = 0
		}
		p.Decreased = now
		p.DecreasesToday++
	}
}

func (s *Service) alterIndexes(tx kv.Txn, t *Table, in *dynamodb.UpdateTableInput) error {
	online, seen := 0, map[string]bool{}
	for _, u := range in.GlobalSecondaryIndexUpdates {
		name, err := updatedIndex(u)
		if err != nil {
			return err
		}
		if seen[name] {
			return invalidParam("Only one global secondary index update per index is allowed simultaneously. Index: %s", name)
		}
		seen[name] = true
		switch {
		case u.Create != nil:
			online++
			err = t.createIndex(u.Create, in.AttributeDefinitions)
		case u.Delete != nil:
			online++
			err = s.deleteIndex(tx, t, *u.Delete.IndexName)
		case u.Update != nil:
			err = s.updateIndex(t, u.Update, in.BillingMode != "")
		}
		if err != nil {
			return err
		}
	}
	if online > 1 {
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
	}
	return nil
}

// updatedIndex is the index that an update is about.
func updatedIndex(u types.GlobalSecondaryIndexUpdate) (name string, err error) {
	n := 0
	if u.Create != nil {
		name, n = *u.Create.IndexName, n+1
	}
	if u.Update != nil {
		name, n = *u.Update.IndexName, n+1
	}
	if u.Delete != nil {
		name, n = *u.Delete.IndexName, n+1
	}
	switch n {
	case 0:
		return "", invalidParam("One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null")
	case 1:
		return name, nil
	}
	return "", invalidParam("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
}

func (t *Table) createIndex(c *types.CreateGlobalSecondaryIndexAction, defs []types.AttributeDefinition) error {
	if len(defs) == 0 {
		return invalidParam("AttributeDefinitions is not specified for index: %s", *c.IndexName)
	}
	if t.index(*c.IndexName) != nil {
		return validation("Attempting to create an index which already exists")
	}
	names := make([]string, len(defs))
	for i, d := range defs {
		names[i] = *d.AttributeName
	}
	if err := defined(c.KeySchema, names); err != nil {
		return err // also where the table defines it: the request must bring what its index needs
	}
	for _, ix := range t.Indexes {
		if ix.Filling {
			return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
		}
	}
	err := t.addIndex(indexInput{name: *c.IndexName, global: true, update: true, schema: c.KeySchema, proj: c.Projection, prov: c.ProvisionedThroughput, demand: c.OnDemandThroughput, warm: c.WarmThroughput})
	if err != nil {
		return err
	}
	t.Indexes[len(t.Indexes)-1].Filling = true
	return t.mergeAttrs(defs)
}

// mergeAttrs adds the definitions that an UpdateTable brings, and forgets those no key uses any more.
func (t *Table) mergeAttrs(defs []types.AttributeDefinition) error {
	all := make([]types.AttributeDefinition, 0, len(t.Attrs)+len(defs))
	for _, a := range t.Attrs {
		all = append(all, types.AttributeDefinition{AttributeName: awssdk.String(a.Name), AttributeType: types.ScalarAttributeType(a.Type)})
	}
	for _, d := range defs {
		i := slices.IndexFunc(all, func(a types.AttributeDefinition) bool { return *a.AttributeName == *d.AttributeName })
		switch {
		case i < 0:
			all = append(all, d)
		case all[i].AttributeType != d.AttributeType:
			return invalidParam("Cannot change the type of attribute %s", *d.AttributeName)
		}
	}
	used := t.keyNames()
	for i := range t.Indexes {
		used = append(used, t.Indexes[i].keyNames()...)
	}
	t.Attrs = nil
	for _, a := range all {
		if slices.Contains(used, *a.AttributeName) {
			t.Attrs = append(t.Attrs, AttrDef{*a.AttributeName, string(a.AttributeType)})
		}
	}
	return nil
}

// globalIndex finds the index that an update is about.
func (t *Table) globalIndex(name, what string) (*Index, error) {
	ix := t.index(name)
	switch {
	case ix == nil:
		return nil, resourceNotFound("Requested resource not found: Index %s for table %s", name, t.Name)
	case !ix.Global:
		return nil, validation("Cannot %s an index that is not a GlobalSecondaryIndex: %s", what, name)
	}
	return ix, nil
}

func (s *Service) deleteIndex(tx kv.Txn, t *Table, name string) error {
	ix, err := t.globalIndex(name, "delete")
	if err != nil {
		return err
	}
	for _, key := range [][]byte{countKey(t.ID, ix.Num), backfillKey(t.ID, ix.Num)} {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	prefix := spacePrefix(t.ID, ix.Num)
	if err := tx.DeleteRange(prefix, kv.PrefixEnd(prefix)); err != nil {
		return err
	}
	t.Indexes = slices.DeleteFunc(t.Indexes, func(x Index) bool { return x.Name == name })
	delete(t.Insights, name)
	return t.mergeAttrs(nil)
}

func (s *Service) updateIndex(t *Table, u *types.UpdateGlobalSecondaryIndexAction, billing bool) error {
	if w := u.WarmThroughput; w != nil && w.ReadUnitsPerSecond == nil && w.WriteUnitsPerSecond == nil {
		return invalidParam("WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for index: %s", *u.IndexName)
	}
	ix, err := t.globalIndex(*u.IndexName, "update")
	if err != nil {
		return err
	}
	if m := u.OnDemandThroughput; m != nil && m.MaxReadRequestUnits == nil && m.MaxWriteRequestUnits == nil {
		u.OnDemandThroughput = nil
	}
	if err := s.provisionIndex(t, ix, u, billing); err != nil {
		return err
	}
	if err := checkMax(u.OnDemandThroughput, t.OnDemand, ix.Name, true); err != nil {
		return err
	}
	if err := checkWarm(t, u.WarmThroughput, ix.Warm, ix.Provisioned, ix.Name, true); err != nil {
		return err
	}
	ix.MaxOnDemand, ix.Warm = maxOf(ix.MaxOnDemand, u.OnDemandThroughput), warmOf(ix.Warm, u.WarmThroughput)
	return nil
}

// provisionIndex changes the throughput of an index, which must be a change.
func (s *Service) provisionIndex(t *Table, ix *Index, u *types.UpdateGlobalSecondaryIndexAction, billing bool) error {
	p, only := u.ProvisionedThroughput, u.OnDemandThroughput == nil && u.WarmThroughput == nil
	switch {
	case t.OnDemand && p != nil && billing:
		return invalidParam("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: %s when BillingMode is PAY_PER_REQUEST", ix.Name)
	case t.OnDemand && (p != nil || only):
		return invalidParam("The only Updates for index: %s when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput", ix.Name)
	case p == nil && only:
		return invalidParam("Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", ix.Name)
	case p == nil:
		return nil
	}
	if err := inBounds(p, ix.Name); err != nil {
		return err
	}
	old := ix.Provisioned
	if only && !billing && old.Read == *p.ReadCapacityUnits && old.Write == *p.WriteCapacityUnits {
		return validation("The provisioned throughput for the index %s will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the index: %d. Requested ReadCapacityUnits: %d. Current WriteCapacityUnits provisioned for the index: %d. Requested WriteCapacityUnits: %d. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
			ix.Name, old.Read, old.Read, old.Write, old.Write)
	}
	ix.Provisioned = Throughput{Read: *p.ReadCapacityUnits, Write: *p.WriteCapacityUnits}
	ix.Provisioned.changed(old, s.millis())
	return nil
}

func (s *Service) alterStream(tx kv.Txn, t *Table, sp *types.StreamSpecification, fx *effects) error {
	on := t.Stream != nil && t.Stream.Enabled
	switch {
	case *sp.StreamEnabled && on:
		return validation("Table already has an enabled stream: TableName: %s", t.Name)
	case !*sp.StreamEnabled && !on:
		return validation("Table has no stream to disable: TableName: %s", t.Name)
	case *sp.StreamEnabled:
		return s.openStream(tx, t, string(sp.StreamViewType))
	}
	return s.closeStream(tx, t, fx)
}
