package formula

import (
	"fmt"
	"strings"
)

// LaTeX returns the formula in LaTeX's mathematical mode: the expression, then each
// definition and equation.
func (f *Formula) LaTeX() []string {
	parts := []string{latex(f.body, false)}
	for _, c := range f.clauses {
		parts = append(parts, latex(c.left, false)+" = "+latex(c.right, false))
	}
	return parts
}

var letters = map[rune]string{
	'α': `\alpha`, 'β': `\beta`, 'γ': `\gamma`, 'δ': `\delta`, 'ε': `\varepsilon`, 'ζ': `\zeta`, 'η': `\eta`, 'θ': `\theta`, 'λ': `\lambda`,
	'μ': `\mu`, 'ν': `\nu`, 'ξ': `\xi`, 'π': `\pi`, 'ρ': `\rho`, 'τ': `\tau`, 'φ': `\varphi`, 'ψ': `\psi`, 'ω': `\omega`, 'Ω': `\Omega`, 'ℓ': `\ell`,
}

var commands = map[string]string{
	"log": `\log`, "cos": `\cos`, "sin": `\sin`, "tanh": `\tanh`, "arctan": `\arctan`, "arccos": `\arccos`, "σ": `\sigma`,
	"softplus": `\operatorname{softplus}`, "max": `\max`, "min": `\min`, "Σ": `\sum`,
	"≠": `\neq`, "≤": `\leq`, "≥": `\geq`, "=": "=", "<": "<", ">": ">",
}

// name returns a letter with its marks.
func name(text string) string {
	head, sub, _ := strings.Cut(text, "_")
	runes := []rune(head)
	out := letters[runes[0]]
	if out == "" {
		out = string(runes[0])
	}
	for _, r := range runes[1:] {
		switch {
		case r == '*':
			out += "^{*}"
		case r == '\'':
			out += "'"
		default:
			sub += string('0' + r - '₀')
		}
	}
	if sub != "" {
		out += "_{" + sub + "}"
	}
	return out
}

// latex renders x; in a script, quotients stay on one line.
func latex(x node, script bool) string {
	sub := func(x node) string { return latex(x, script) }
	switch x := x.(type) {
	case number:
		if x.text == "½" {
			return `\tfrac{1}{2}`
		}
		return x.text
	case letter:
		return name(x.name)
	case entry:
		return name(x.name) + "_" + x.index
	case largest:
		return name(x.name) + "_{(" + latex(x.at, true) + ")}"
	case negated:
		return "-" + sub(x.x)
	case sum:
		sign := " + "
		if x.minus {
			sign = " - "
		}
		return sub(x.a) + sign + sub(x.b)
	case product:
		parts := make([]string, len(x.factors))
		for i, f := range x.factors {
			if q, ok := bare(f).(quotient); ok && !script {
				f = q // a fraction's stroke groups as parentheses do
			}
			parts[i] = sub(f)
		}
		return strings.Join(parts, ` \, `)
	case quotient:
		if script {
			return sub(x.a) + "/" + sub(x.b)
		}
		return `\frac{` + sub(bare(x.a)) + "}{" + sub(bare(x.b)) + "}"
	case power:
		base := sub(x.base)
		if _, ok := x.base.(parens); !ok && strings.ContainsAny(base, "^'") {
			base = "{" + base + "}" // two superscripts side by side are an error
		}
		return base + "^{" + latex(x.exp, true) + "}"
	case parens:
		return `\left(` + sub(x.x) + `\right)`
	case positive:
		return `\left[` + sub(x.x) + `\right]_+`
	case relation:
		return `\left[` + sub(x.a) + " " + commands[x.op] + " " + sub(x.b) + `\right]`
	case call:
		switch {
		case x.name == "√":
			return `\sqrt{` + sub(x.args[0]) + "}"
		case len(x.args) == 2:
			return commands[x.name] + `\left(` + sub(x.args[0]) + ", " + sub(x.args[1]) + `\right)`
		}
		return commands[x.name] + " " + sub(x.args[0])
	case over:
		index := x.index
		if x.but != "" {
			index += ` \neq ` + x.but
		}
		return commands[x.op] + "_{" + index + "} " + sub(x.body)
	}
	panic(fmt.Sprintf("formula: no LaTeX for a %T", x))
}

// bare returns what is in parentheses, which a fraction needs not.
func bare(x node) node {
	if p, ok := x.(parens); ok {
		return p.x
	}
	return x
}
