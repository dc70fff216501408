package hostcalls

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/signing"
)

// cryptoHandlers only compute.
func cryptoHandlers() map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpCryptoVerify: handle(abi.OpCryptoVerify, func(_ context.Context, _ *Scope, r *abi.CryptoVerifyRequest) (msgp.Marshaler, error) {
			valid, err := signing.Verify(r.Algorithm, r.Key, r.Data, r.Signature)
			return &abi.CryptoVerifyResponse{Valid: valid}, err
		}),
		abi.OpCryptoHashPassword: handle(abi.OpCryptoHashPassword, func(ctx context.Context, _ *Scope, r *abi.CryptoHashPasswordRequest) (msgp.Marshaler, error) {
			hash, err := signing.HashPassword(ctx, r.Password, r.Algorithm)
			return &abi.CryptoHashPasswordResponse{Hash: hash}, err
		}),
		abi.OpCryptoVerifyPassword: handle(abi.OpCryptoVerifyPassword, func(ctx context.Context, _ *Scope, r *abi.CryptoVerifyPasswordRequest) (msgp.Marshaler, error) {
			valid, err := signing.VerifyPassword(ctx, r.Password, r.Hash)
			return &abi.CryptoVerifyResponse{Valid: valid}, err
		}),
		abi.OpJWTSign:        handle(abi.OpJWTSign, jwtSign),
		abi.OpJWTVerify:      handle(abi.OpJWTVerify, jwtVerify),
		abi.OpGzipCompress:   handle(abi.OpGzipCompress, gzipCompress),
		abi.OpGzipDecompress: handle(abi.OpGzipDecompress, gzipDecompress),
	}
}

func jwtSign(_ context.Context, _ *Scope, r *abi.JWTSignRequest) (msgp.Marshaler, error) {
	if msgp.NextType(r.Claims) != msgp.MapType {
		return nil, fault.Refuse("claims", "must be a map")
	}
	claims, err := abi.AppendJSON(nil, r.Claims)
	if err != nil {
		return nil, fault.Refuse("claims", "%v", err)
	}
	token, err := signing.SignToken(r.Algorithm, r.Key, claims)
	return &abi.JWTSignResponse{Token: token}, err
}

// maxLeeway is how much the clocks of two machines may be apart: a day.
const maxLeeway = 24 * time.Hour

func jwtVerify(_ context.Context, scope *Scope, r *abi.JWTVerifyRequest) (msgp.Marshaler, error) {
	if r.LeewayMS < 0 || r.LeewayMS > maxLeeway.Milliseconds() {
		return nil, fault.Refuse("leeway_ms", "must be 0 to %d, got %d", maxLeeway.Milliseconds(), r.LeewayMS)
	}
	claims, err := signing.VerifyToken(r.Token, r.Algorithm, r.Key, scope.Now(), time.Duration(r.LeewayMS)*time.Millisecond)
	if err != nil {
		return nil, err
	}
	value, err := abi.AppendFromJSON(nil, claims)
	if err != nil {
		return nil, fault.Refuse("token", "has no map of claims")
	}
	return &abi.JWTVerifyResponse{Claims: value}, nil
}

// maxUnpacked is how many bytes may come of what is decompressed: as many as a blob may have.
const maxUnpacked = 10 << 20

func gzipCompress(_ context.Context, _ *Scope, r *abi.GzipRequest) (msgp.Marshaler, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(r.Data) // to memory
	_ = w.Close()
	return &abi.GzipResponse{Data: out.Bytes()}, nil
}

func gzipDecompress(ctx context.Context, _ *Scope, r *abi.GzipRequest) (msgp.Marshaler, error) {
	in, err := gzip.NewReader(bytes.NewReader(r.Data))
	if err != nil {
		return nil, fault.Refuse("data", "is not gzip")
	}
	out, err := io.ReadAll(io.LimitReader(in, maxUnpacked+1))
	switch {
	case len(out) > maxUnpacked:
		return nil, fault.Refuse("data", "must come to at most %d bytes", maxUnpacked)
	case err != nil:
		return nil, fault.Refuse("data", "is damaged gzip")
	}
	return &abi.GzipResponse{Data: out}, ctx.Err()
}
