package main

import "context"

func (r *release) extras(ctx context.Context, programs map[platform]string) ([]entry, error) {
	return nil, nil
}
