package gitstore

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // git's format
	"encoding/binary"

	"github.com/go-git/go-git/v5/plumbing"
)

// packer writes packs without deltas (gitformat-pack(5)). It keeps what it compressed for
// the next pack: after a lost race that holds nearly all of it again, and has little time.
type packer struct {
	packed  map[plumbing.Hash][]byte
	deflate *zlib.Writer // of one pack; a new one costs more than a small object
}

// pack writes the named objects, in this order.
func (p *packer) pack(order []plumbing.Hash, from *staging) ([]byte, error) {
	b := append([]byte("PACK"), 0, 0, 0, 2)
	b = binary.BigEndian.AppendUint32(b, uint32(len(order)))
	packed := make(map[plumbing.Hash][]byte, len(order))
	for _, h := range order {
		entry, ok := p.packed[h]
		if !ok {
			obj, err := from.EncodedObject(plumbing.AnyObject, h)
			if err != nil {
				return nil, err
			}
			if entry, err = p.entry(obj); err != nil {
				return nil, err
			}
		}
		packed[h] = entry
		b = append(b, entry...)
	}
	p.packed, p.deflate = packed, nil
	sum := sha1.Sum(b) //nolint:gosec // git's format
	return append(b, sum[:]...), nil
}

// entry is one object of a pack: type and size, four and then seven bits a byte, the
// lowest first; then the compressed content.
func (p *packer) entry(obj plumbing.EncodedObject) ([]byte, error) {
	data, err := content(obj)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	size := uint64(len(data))
	first := byte(obj.Type())<<4 | byte(size&0x0f)
	size >>= 4
	if size > 0 {
		first |= 0x80
	}
	b.WriteByte(first)
	if size > 0 {
		b.Write(binary.AppendUvarint(nil, size))
	}
	if p.deflate == nil {
		p.deflate = zlib.NewWriter(nil)
	}
	p.deflate.Reset(&b)
	_, err = p.deflate.Write(data)
	if err == nil {
		err = p.deflate.Close()
	}
	return b.Bytes(), err
}
