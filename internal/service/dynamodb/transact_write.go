package dynamodb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// Limits of transactions.
const (
	maxTransact      = 100
	maxTransactBytes = 4 << 20
	maxToken         = 36
	// tokenLife is how long a client token is remembered.
	tokenLife = 10 * time.Minute
)

// TransactWriteItemsInput is the request of TransactWriteItems.
type TransactWriteItemsInput struct {
	TransactItems               []TransactWriteItem
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
	ClientRequestToken          *string
}

// TransactWriteItem is one action: exactly one member is set.
type TransactWriteItem struct {
	ConditionCheck *TransactAction
	Put            *TransactAction
	Delete         *TransactAction
	Update         *TransactAction
}

// TransactAction is any of the four actions; each uses the members it has on AWS.
type TransactAction struct {
	TableName                           *string
	Item                                attr.Item
	Key                                 attr.Item
	UpdateExpression                    *string
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           attr.Item
	ReturnValuesOnConditionCheckFailure string
}

// TransactWriteItemsOutput is the answer of TransactWriteItems.
type TransactWriteItemsOutput struct {
	ConsumedCapacity      []types.ConsumedCapacity
	ItemCollectionMetrics map[string][]ItemCollectionMetrics
}

// action is a checked action of a transaction.
type action struct {
	write
	name  string
	check bool // it only checks a condition
}

// TransactWriteItems puts, updates, deletes and checks up to 100 items of any
// tables, all or nothing.
//
// Limits: 100 actions, 4 MB, one action an item; client tokens are remembered for ten minutes.
// Errors: IdempotentParameterMismatchException, ProvisionedThroughputExceededException, ResourceNotFoundException, TransactionCanceledException, ValidationException.
// Differs: a transaction is never cancelled with the reason TransactionConflict, nor a single write refused with
// TransactionConflictException. AWS may answer so while another transaction has hold of an item, and promises no case in which
// it does: it is the outcome of a race, after which the caller tries again. Here transactions run one after another, so that
// the one that would have been refused waits for the other and then sees what it left.
func (s *Service) TransactWriteItems(ctx context.Context, in *TransactWriteItemsInput) (*TransactWriteItemsOutput, error) {
	req := aws.RequestFrom(ctx)
	actions, err := in.check(req)
	if err != nil {
		return nil, err
	}
	return s.transact(ctx, actions, token{"TransactWriteItems", in.ClientRequestToken, in.fingerprint}, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics)
}

// token is a client token with what identifies the request it came with. Each
// operation remembers tokens of its own.
type token struct {
	operation   string
	text        *string
	fingerprint func() [32]byte
}

// transact runs checked actions as one transaction.
func (s *Service) transact(ctx context.Context, actions []action, tok token, consumed, metrics string) (*TransactWriteItemsOutput, error) {
	var out *TransactWriteItemsOutput
	fx, err := s.update(ctx, func(tx kv.Txn, fx *effects) error {
		out = &TransactWriteItemsOutput{}
		fx.units.factor = 2
		changes, err := s.transactChanges(tx, actions)
		if err != nil {
			return err
		}
		sizes, seen, err := s.seenToken(ctx, tx, tok, len(changes))
		if err != nil {
			return err
		}
		if seen {
			for i, c := range changes {
				fx.units.read(c.table, baseIndex, readUnits(sizes[i], true))
			}
			return nil
		}
		if err := s.prepareAll(tx, actions, changes); err != nil {
			return err
		}
		s.rememberToken(ctx, tok, changes, fx)
		for i, c := range changes {
			if actions[i].check {
				fx.units.write(c.table, baseIndex, c.old.Size(), 0)
				continue
			}
			if err := s.apply(tx, c, fx); err != nil {
				return err
			}
			if m := collectionMetrics(metrics, c.table, actions[i].keyItem(c), fx.collection); m != nil {
				out.addMetrics(actions[i].name, *m)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.meters.spent(s, &fx.units)
	out.ConsumedCapacity = fx.units.all(consumed, true)
	return out, nil
}

func (out *TransactWriteItemsOutput) addMetrics(name string, m ItemCollectionMetrics) {
	addMetrics(&out.ItemCollectionMetrics, name, m)
}

func (in *TransactWriteItemsInput) check(req *aws.Request) ([]action, error) {
	var p problems
	switch {
	case in.TransactItems == nil:
		p.add("null", "transactItems", mustNotBeNull)
	case len(in.TransactItems) == 0:
		p.add("'[]'", "transactItems", "Member must have length greater than or equal to 1")
	case len(in.TransactItems) > maxTransact:
		p = append(p, "Value at 'TransactItems' failed to satisfy constraint: Member must have length less than or equal to 100")
	}
	if t := in.ClientRequestToken; t != nil {
		if len(*t) > maxToken {
			p.add("'"+*t+"'", "clientRequestToken", "Member must have length less than or equal to 36")
		} else if len(*t) == 0 {
			p.add("''", "clientRequestToken", "Member must have length greater than or equal to 1")
		}
	}
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	p.enum(in.ReturnItemCollectionMetrics, "returnItemCollectionMetrics", collectionSet)
	for i, it := range in.TransactItems {
		it.members(&p, i+1)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	out := make([]action, len(in.TransactItems))
	for i, it := range in.TransactItems {
		var err error
		if out[i], err = it.check(req); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// members checks the members that the model constrains.
func (it TransactWriteItem) members(p *problems, n int) {
	for _, m := range []struct {
		name string
		a    *TransactAction
		key  bool
	}{{"conditionCheck", it.ConditionCheck, true}, {"put", it.Put, false}, {"delete", it.Delete, true}, {"update", it.Update, true}} {
		if m.a == nil {
			continue
		}
		at := fmt.Sprintf("transactItems.%d.member.%s.", n, m.name)
		switch {
		case m.a.TableName == nil:
			p.add("null", at+"tableName", mustNotBeNull)
		case !isARN(*m.a.TableName):
			p.name(at+"tableName", *m.a.TableName, 1)
		}
		if m.key && m.a.Key == nil {
			p.add("null", at+"key", mustNotBeNull)
		}
		if !m.key && m.a.Item == nil {
			p.add("null", at+"item", mustNotBeNull)
		}
		if m.name == "update" && m.a.UpdateExpression == nil {
			p.add("null", at+"updateExpression", mustNotBeNull)
		}
		if m.name == "conditionCheck" && m.a.ConditionExpression == nil {
			p.add("null", at+"conditionExpression", mustNotBeNull)
		}
		p.enum(m.a.ReturnValuesOnConditionCheckFailure, at+"returnValuesOnConditionCheckFailure", onFailureSet)
	}
}

func (it TransactWriteItem) check(req *aws.Request) (action, error) {
	var a *TransactAction
	n := 0
	for _, m := range []*TransactAction{it.ConditionCheck, it.Put, it.Delete, it.Update} {
		if m != nil {
			a = m
			n++
		}
	}
	if n != 1 {
		return action{}, validation("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	out := action{name: *a.TableName, check: it.ConditionCheck != nil}
	w := &out.write
	w.ref = refOf(req, *a.TableName)
	w.ret = returning{onFailure: a.ReturnValuesOnConditionCheckFailure}
	if err := a.parse(w, it.Put != nil, it.Update != nil, it.ConditionCheck != nil); err != nil {
		return out, err
	}
	return out, nil
}

// parse checks an action's values and expressions: an item first, a key last, as AWS does. Values that
// nest too deep cancel the transaction if they come with an update, and are none of a check's business.
func (a *TransactAction) parse(w *write, put, update, check bool) (err error) {
	if put {
		if w.put, err = older.item(a.Item); err != nil {
			return err
		}
		w.encoded = encodeRecord(w.put)
	}
	has := a.ConditionExpression != nil || update
	if !has { // placeholders that no expression could use are not looked at, unlike elsewhere
		a = &TransactAction{Key: a.Key}
	}
	pr := older
	pr.deep = update || check
	params, err := pr.params(a.ExpressionAttributeNames, a.ExpressionAttributeValues, has)
	if err != nil {
		return err
	}
	if update {
		for _, f := range a.ExpressionAttributeValues {
			if f.Value.Depth() > attr.MaxDepth {
				w.refusal = older.fail(attr.ErrNesting)
			}
		}
		if w.update, err = params.ParseUpdate(*a.UpdateExpression); err != nil {
			return older.fail(err)
		}
	}
	if w.cond, err = older.conditionWith(params, conditionInput{text: a.ConditionExpression}); err != nil {
		return err
	}
	if err := params.CheckUnused(); err != nil {
		return older.fail(err)
	}
	if !put {
		w.key, err = older.item(a.Key)
	}
	return err
}

// transactChanges finds the tables and items of a transaction and makes the
// checks whose refusal is the request's, not an action's.
func (s *Service) transactChanges(tx kv.Reader, actions []action) ([]*change, error) {
	out := make([]*change, len(actions))
	for i := range actions {
		t, err := s.tableAt(tx, actions[i].ref.key())
		if err != nil {
			return nil, err
		}
		if t == nil {
			return nil, notFound()
		}
		if err := s.meters.admitWrite(s, t); err != nil {
			return nil, err
		}
		out[i] = &change{table: t}
	}
	seen, size := map[string]bool{}, 0
	for i, c := range out {
		it := actions[i].put
		if it == nil {
			it = actions[i].key
		}
		size += it.Size()
		if !c.table.hasKeyTypes(it) {
			continue // refused with the action's reason
		}
		if err := c.table.emptyKeys(it); err != nil {
			return nil, err
		}
		if c.table.keyValues(it) != nil {
			continue // too large: refused with the action's reason
		}
		c.key = c.table.primaryOf(it)
		id := string(c.table.itemKey(c.key))
		if seen[id] {
			return nil, validation("Transaction request cannot include multiple operations on one item")
		}
		seen[id] = true
		if err := s.load(tx, c); err != nil {
			return nil, err
		}
	}
	if size > maxTransactBytes {
		return nil, validation("Aggregated size of all items in the transaction has exceeded the maximum allowed size of 4 MB")
	}
	return out, nil
}

func (t *Table) hasKeyTypes(it attr.Item) bool {
	for _, n := range t.keyNames() {
		if v, ok := it.Get(n); !ok || v.Kind() != t.kinds[n] {
			return false
		}
	}
	return true
}

// CancellationReason tells why an action did not let its transaction pass.
type CancellationReason struct {
	Code    *string
	Message *string
	Item    attr.Item
}

// prepareAll computes every change, or refuses the transaction with a reason for each action.
func (s *Service) prepareAll(tx kv.Reader, actions []action, changes []*change) error {
	reasons := make([]CancellationReason, len(actions))
	failed := false
	for i := range actions {
		c, err := s.prepare(tx, changes[i].table, &actions[i].write)
		if err != nil {
			r, ok := reasonOf(err)
			if !ok {
				return err
			}
			reasons[i], failed = r, true
			continue
		}
		changes[i] = c
	}
	if failed {
		return cancelled(reasons)
	}
	return nil
}

// reasonOf turns an action's refusal into a reason; other failures end the request.
func reasonOf(err error) (CancellationReason, bool) {
	e, ok := aws.AsError(err)
	if !ok {
		return CancellationReason{}, false
	}
	code := ""
	switch e.Code {
	case "ConditionalCheckFailedException":
		code = "ConditionalCheckFailed"
	case "ValidationException":
		code = "ValidationError"
	case "ItemCollectionSizeLimitExceededException":
		code = "ItemCollectionSizeLimitExceeded"
	case "DuplicateItemException":
		code = "DuplicateItem"
	default:
		return CancellationReason{}, false
	}
	r := CancellationReason{Code: &code, Message: &e.Message}
	r.Item, _ = e.Fields["Item"].(attr.Item)
	return r, true
}

func cancelled(reasons []CancellationReason) error {
	none := "None"
	codes := make([]string, len(reasons))
	for i := range reasons {
		if reasons[i].Code == nil {
			reasons[i].Code = &none
		}
		codes[i] = *reasons[i].Code
	}
	return aws.Errorf("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", ")).
		With("CancellationReasons", reasons)
}

func (tok token) key(req *aws.Request) []byte {
	return kv.Key(kv.SpaceDynamoDB, "x", req.Account(), req.Region, tok.operation, *tok.text)
}

// A remembered token is a version byte, when it may be forgotten, the fingerprint of
// its request, and the size of each item it wrote: a repetition is charged as a read of them.
const tokenHead = 1 + 8 + 32

// seenToken tells whether the request was carried out before, and what sizes its items had.
func (s *Service) seenToken(ctx context.Context, tx kv.Reader, tok token, actions int) (sizes []int, seen bool, err error) {
	if tok.text == nil {
		return nil, false, nil
	}
	b, ok, err := tx.Get(tok.key(aws.RequestFrom(ctx)))
	if err != nil || !ok || expiryOfToken(b) <= s.millis() {
		return nil, false, err
	}
	if [32]byte(b[9:tokenHead]) != tok.fingerprint() {
		return nil, false, aws.Errorf("IdempotentParameterMismatchException", "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used.")
	}
	b = b[tokenHead:]
	for range actions {
		n, w := binary.Uvarint(b)
		if w <= 0 {
			return nil, false, fmt.Errorf("%w: client token", kv.ErrCorrupt)
		}
		sizes, b = append(sizes, int(n)), b[w:]
	}
	return sizes, true, nil
}

// rememberToken keeps a token with what its request did.
func (s *Service) rememberToken(ctx context.Context, tok token, changes []*change, fx *effects) {
	if tok.text == nil {
		return
	}
	key, sum := tok.key(aws.RequestFrom(ctx)), tok.fingerprint()
	until := uint64(s.millis() + tokenLife.Milliseconds())
	b := append(binary.BigEndian.AppendUint64([]byte{valueVersion}, until), sum[:]...)
	for _, c := range changes {
		b = binary.AppendUvarint(b, uint64(max(c.old.Size(), c.new.Size())))
	}
	fx.set(key, b)
	fx.set(kv.Key(kv.SpaceDynamoDB, "y", until, kv.Raw(key)), key)
}

// fingerprint identifies a request whatever the order of its maps was.
func (in *TransactWriteItemsInput) fingerprint() [32]byte {
	h := sha256.New()
	text := func(s *string) {
		if s != nil {
			fmt.Fprintf(h, "%d:%s", len(*s), *s)
		}
		h.Write([]byte{0})
	}
	for _, it := range in.TransactItems {
		for i, a := range []*TransactAction{it.ConditionCheck, it.Put, it.Delete, it.Update} {
			if a == nil {
				continue
			}
			h.Write([]byte{byte(i)})
			text(a.TableName)
			text(a.UpdateExpression)
			text(a.ConditionExpression)
			h.Write(a.Item.AppendJSON(nil))
			h.Write(a.Key.AppendJSON(nil))
			h.Write(a.ExpressionAttributeValues.AppendJSON(nil))
			for _, n := range sortedNames(a.ExpressionAttributeNames) {
				v := a.ExpressionAttributeNames[n]
				text(&n)
				text(&v)
			}
		}
	}
	return [32]byte(h.Sum(nil))
}

// expiryOfToken is when a remembered token may be forgotten.
func expiryOfToken(b []byte) int64 {
	if len(b) < tokenHead {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b[1:]))
}
