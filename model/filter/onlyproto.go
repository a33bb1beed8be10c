package filter

import "nfscope/model"

// OnlyProto gives the one protocol that whatever the filter matches has, 0 where there
// is none such.
func (f *Filter) OnlyProto() model.Proto {
	list, err := f.Conjuncts(workLimit)
	if err != nil {
		return 0
	}
	var only model.Proto
	for _, c := range list {
		var p model.Proto
		for _, x := range c.Conds {
			if x.Field == FieldProto && !x.Not {
				p = x.Proto
			}
		}
		if p == 0 || only != 0 && p != only {
			return 0
		}
		only = p
	}
	return only
}
