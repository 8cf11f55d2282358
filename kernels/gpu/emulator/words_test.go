package emulator

import "encoding/binary"

func putWord(b []byte, i int, v uint32) { binary.LittleEndian.PutUint32(b[4*i:], v) }

func word(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
