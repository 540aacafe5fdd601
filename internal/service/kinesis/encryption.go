package kinesis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
)

// StartStreamEncryption sets the key that a stream is said to be encrypted with. Records
// put from then on carry the encryption type KMS.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: no KMS is asked and the data directory is not encrypted by this setting, so
// there are no KMS errors: encrypt the disk.
func (s *Service) StartStreamEncryption(ctx context.Context, in *kinesis.StartStreamEncryptionInput) (*kinesis.StartStreamEncryptionOutput, error) {
	if in.EncryptionType != types.EncryptionTypeKms {
		return nil, invalidArgument("EncryptionType must be KMS. Specified value was %s", in.EncryptionType)
	}
	return nil, s.change(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "StartStreamEncryption", func(_ kv.Txn, st *stream) error {
		st.KeyID = value(in.KeyId)
		return nil
	})
}

// StopStreamEncryption takes the key off a stream. Records put before keep their mark.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException (another key, or none is set),
// LimitExceededException, AccessDeniedException.
// Differs: as StartStreamEncryption.
func (s *Service) StopStreamEncryption(ctx context.Context, in *kinesis.StopStreamEncryptionInput) (*kinesis.StopStreamEncryptionOutput, error) {
	if in.EncryptionType != types.EncryptionTypeKms {
		return nil, invalidArgument("EncryptionType must be KMS. Specified value was %s", in.EncryptionType)
	}
	return nil, s.change(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "StopStreamEncryption", func(_ kv.Txn, st *stream) error {
		if st.KeyID == "" {
			return invalidArgument("Stream %s under account %s is not encrypted.", st.Name, st.Account)
		}
		if st.KeyID != value(in.KeyId) {
			return invalidArgument("Stream %s under account %s is not encrypted with key %s.", st.Name, st.Account, value(in.KeyId))
		}
		st.KeyID = ""
		return nil
	})
}
