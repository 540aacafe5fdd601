package dynamodb

import (
	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// LeadingKeys are the values of partition keys that a request names, by table as it names
// it: what policies know as dynamodb:LeadingKeys. hash tells the partition key's name. A scan
// and a PartiQL statement name none; nor does a request that will be refused as malformed.
func LeadingKeys(in any, hash func(table string) (string, bool)) map[string][]string {
	l := leading{hash: hash, keys: map[string][]string{}}
	switch in := in.(type) {
	case *GetItemInput:
		l.item(in.TableName, in.Key)
	case *PutItemInput:
		l.item(in.TableName, in.Item)
	case *UpdateItemInput:
		l.item(in.TableName, in.Key)
	case *DeleteItemInput:
		l.item(in.TableName, in.Key)
	case *QueryInput:
		l.query(in)
	case *BatchGetItemInput:
		for table, r := range in.RequestItems {
			for _, key := range r.Keys {
				l.item(&table, key)
			}
		}
	case *BatchWriteItemInput:
		for table, requests := range in.RequestItems {
			for _, r := range requests {
				if r.PutRequest != nil {
					l.item(&table, r.PutRequest.Item)
				}
				if r.DeleteRequest != nil {
					l.item(&table, r.DeleteRequest.Key)
				}
			}
		}
	case *TransactGetItemsInput:
		for _, t := range in.TransactItems {
			if t.Get != nil {
				l.item(t.Get.TableName, t.Get.Key)
			}
		}
	case *TransactWriteItemsInput:
		for _, t := range in.TransactItems {
			for _, a := range []*TransactAction{t.ConditionCheck, t.Delete, t.Update} {
				if a != nil {
					l.item(a.TableName, a.Key)
				}
			}
			if t.Put != nil {
				l.item(t.Put.TableName, t.Put.Item)
			}
		}
	}
	return l.keys
}

type leading struct {
	hash func(table string) (string, bool)
	keys map[string][]string
}

func (l *leading) item(table *string, item attr.Item) {
	name := awssdk.ToString(table)
	hash, ok := l.hash(name)
	if !ok {
		return
	}
	if v, ok := item.Get(hash); ok && v.Kind().IsScalarKey() {
		l.keys[name] = append(l.keys[name], v.Text())
	}
}

// query finds what a key condition equals: the table's own partition key where it is among
// the terms, else, for an index, the first that is compared with =.
func (l *leading) query(in *QueryInput) {
	params, err := reads.params(in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.KeyConditionExpression != nil)
	if err != nil {
		return
	}
	var q search
	if in.keyTerms(&q, params) != nil {
		return
	}
	table := awssdk.ToString(in.TableName)
	hash, _ := l.hash(table)
	var found *attr.Value
	for i := range q.terms {
		t := &q.terms[i]
		if t.Op == "=" && t.Args[0].Kind().IsScalarKey() && (found == nil || t.Name == hash) {
			found = &t.Args[0]
		}
	}
	if found != nil {
		l.keys[table] = append(l.keys[table], found.Text())
	}
}
