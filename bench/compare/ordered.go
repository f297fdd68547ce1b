package main

import (
	"encoding/json"
	"fmt"
)

// pair is one member of a JSON object: a reference decode's members are
// compared in the order of the wire, which a map would lose.
type pair struct {
	key   string
	value any // string (numbers too), nil, bool, []any, []pair
}

// parse reads one JSON value, keeping the order of members and the text of
// numbers.
func parse(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			list := []any{}
			for d.More() {
				v, err := parse(d)
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err = d.Token()
			return list, err
		}
		obj := []pair{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := parse(d)
			if err != nil {
				return nil, err
			}
			obj = append(obj, pair{k.(string), v})
		}
		_, err = d.Token()
		return obj, err
	case json.Number:
		return t.String(), nil
	case bool:
		return fmt.Sprint(t), nil
	case nil:
		return nil, nil
	}
	return t.(string), nil
}

// get returns a member, nil where there is none.
func get(v any, key string) any {
	obj, _ := v.([]pair)
	for _, p := range obj {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

func text(v any, key string) string {
	s, _ := get(v, key).(string)
	return s
}

// leaves appends the scalar values below v in order.
func leaves(out []pair, key string, v any) []pair {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			out = leaves(out, key, e)
		}
	case []pair:
		for _, p := range v {
			out = leaves(out, p.key, p.value)
		}
	default:
		out = append(out, pair{key, v})
	}
	return out
}
