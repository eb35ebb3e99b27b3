"""Ways to write the functions of neural networks in C."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.worlds.coder.version import Pitfall, Version


def _way(idea: str, rank: int, body: str, flaw: str = "", pitfall: Pitfall = "") -> Version:
    return Version(idea, rank, "#include <math.h>\n\n" + body.strip() + "\n", flaw, pitfall)


C_LAYERS: Mapping[str, tuple[Version, ...]] = {
    "linear_gelu": (
        _way("sum in a register", 1, """
void linear_gelu(const double *x, const double *w, const double *b, double *out, long n, long k, long m)
{
    for (long i = 0; i < n; i++)
        for (long j = 0; j < m; j++) {
            double z = b[j];
            for (long p = 0; p < k; p++)
                z += x[i * k + p] * w[p * m + j];
            out[i * m + j] = 0.5 * z * (1 + tanh(sqrt(2 / M_PI) * (z + 0.044715 * z * z * z)));
        }
}
"""),
        _way("read the weights row by row", 3, """
__attribute__((optimize("O3")))
void linear_gelu(const double *restrict x, const double *restrict w, const double *restrict b,
                 double *restrict out, long n, long k, long m)
{
    for (long i = 0; i < n; i++) {
        double *row = out + i * m;
        for (long j = 0; j < m; j++)
            row[j] = b[j];
        for (long p = 0; p < k; p++)
            for (long j = 0; j < m; j++)
                row[j] += x[i * k + p] * w[p * m + j];
        for (long j = 0; j < m; j++) {
            double z = row[j];
            row[j] = 0.5 * z * (1 + tanh(sqrt(2 / M_PI) * (z + 0.044715 * z * z * z)));
        }
    }
}
"""),
        _way("single precision", 3, """
__attribute__((optimize("O3")))
void linear_gelu(const double *restrict x, const double *restrict w, const double *restrict b,
                 double *restrict out, long n, long k, long m)
{
    float row[m];
    for (long i = 0; i < n; i++) {
        for (long j = 0; j < m; j++)
            row[j] = (float)b[j];
        for (long p = 0; p < k; p++)
            for (long j = 0; j < m; j++)
                row[j] += (float)x[i * k + p] * (float)w[p * m + j];
        for (long j = 0; j < m; j++) {
            float z = row[j];
            out[i * m + j] = 0.5f * z * (1 + tanhf(0.7978846f * (z + 0.044715f * z * z * z)));
        }
    }
}
""", "single precision is too coarse", "numbers"),
    ),
    "layer_norm": (
        _way("the mean once for each row", 1, """
void layer_norm(const double *x, const double *gain, const double *bias, double *out, long n, long d)
{
    for (long i = 0; i < n; i++) {
        double mean = 0;
        for (long p = 0; p < d; p++)
            mean += x[i * d + p] / d;
        for (long j = 0; j < d; j++) {
            double variance = 0;
            for (long p = 0; p < d; p++)
                variance += (x[i * d + p] - mean) * (x[i * d + p] - mean);
            out[i * d + j] = (x[i * d + j] - mean) / sqrt(variance / d + 1e-5) * gain[j] + bias[j];
        }
    }
}
"""),
        _way("both moments once for each row", 3, """
void layer_norm(const double *x, const double *gain, const double *bias, double *out, long n, long d)
{
    for (long i = 0; i < n; i++) {
        double mean = 0, variance = 0;
        for (long p = 0; p < d; p++)
            mean += x[i * d + p];
        mean /= d;
        for (long p = 0; p < d; p++)
            variance += (x[i * d + p] - mean) * (x[i * d + p] - mean);
        double scale = 1 / sqrt(variance / d + 1e-5);
        for (long p = 0; p < d; p++)
            out[i * d + p] = (x[i * d + p] - mean) * scale * gain[p] + bias[p];
    }
}
"""),
        _way("both moments in one pass", 3, """
void layer_norm(const double *x, const double *gain, const double *bias, double *out, long n, long d)
{
    for (long i = 0; i < n; i++) {
        double sum = 0, squares = 0;
        for (long p = 0; p < d; p++) {
            sum += x[i * d + p];
            squares += x[i * d + p] * x[i * d + p];
        }
        double mean = sum / d, scale = 1 / sqrt(fmax(squares / d - mean * mean, 0) + 1e-5);
        for (long p = 0; p < d; p++)
            out[i * d + p] = (x[i * d + p] - mean) * scale * gain[p] + bias[p];
    }
}
""", "far from zero the digits cancel", "numbers"),
    ),
    "convolve": (
        _way("sum in a register", 1, """
void convolve(const double *image, const double *weights, double *out, long h, long w, long a, long b)
{
    for (long i = 0; i < h; i++)
        for (long j = 0; j < w; j++) {
            double sum = 0;
            for (long p = 0; p < a; p++)
                for (long q = 0; q < b; q++) {
                    long row = i + p - a / 2, column = j + q - b / 2;
                    if (row >= 0 && row < h && column >= 0 && column < w)
                        sum += image[row * w + column] * weights[p * b + q];
                }
            out[i * w + j] = sum;
        }
}
"""),
        _way("one shifted row for each weight", 3, """
__attribute__((optimize("O3")))
void convolve(const double *restrict image, const double *restrict weights, double *restrict out,
              long h, long w, long a, long b)
{
    for (long i = 0; i < h; i++) {
        double *result = out + i * w;
        for (long j = 0; j < w; j++)
            result[j] = 0;
        for (long p = 0; p < a; p++) {
            long row = i + p - a / 2;
            if (row < 0 || row >= h)
                continue;
            for (long q = 0; q < b; q++) {
                long shift = q - b / 2, first = shift < 0 ? -shift : 0, end = shift > 0 ? w - shift : w;
                const double weight = weights[p * b + q], *pixels = image + row * w + shift;
                for (long j = first; j < end; j++)
                    result[j] += weight * pixels[j];
            }
        }
    }
}
"""),
        _way("one shifted row for each weight", 3, """
__attribute__((optimize("O3")))
void convolve(const double *restrict image, const double *restrict weights, double *restrict out,
              long h, long w, long a, long b)
{
    for (long i = 0; i < h * w; i++)
        out[i] = 0;
    for (long p = 0; p < a; p++)
        for (long q = 0; q < b; q++) {
            long shift = (p - a / 2) * w + q - b / 2;
            for (long i = 0; i < h * w; i++)
                if (i + shift >= 0 && i + shift < h * w)
                    out[i] += weights[p * b + q] * image[i + shift];
        }
}
""", "rows run over into their neighbours", "edges"),
    ),
    "attention": (
        _way("one product for each score", 1, """
void attention(const double *q, const double *k, const double *v, double *out, long n, long m, long d)
{
    double scores[m];
    for (long i = 0; i < n; i++)
        for (long j = 0; j < d; j++) {
            double top = -INFINITY, sum = 0, total = 0;
            for (long r = 0; r < m; r++) {
                scores[r] = 0;
                for (long p = 0; p < d; p++)
                    scores[r] += q[i * d + p] * k[r * d + p];
                scores[r] /= sqrt(d);
                top = fmax(top, scores[r]);
            }
            for (long r = 0; r < m; r++) {
                double weight = exp(scores[r] - top);
                sum += weight * v[r * d + j];
                total += weight;
            }
            out[i * d + j] = sum / total;
        }
}
"""),
        _way("the weights once for each row", 3, """
void attention(const double *q, const double *k, const double *v, double *out, long n, long m, long d)
{
    double weights[m], root = sqrt(d);
    for (long i = 0; i < n; i++) {
        double top = -INFINITY, total = 0;
        for (long r = 0; r < m; r++) {
            double score = 0;
            for (long p = 0; p < d; p++)
                score += q[i * d + p] * k[r * d + p];
            weights[r] = score / root;
            top = fmax(top, weights[r]);
        }
        for (long j = 0; j < d; j++)
            out[i * d + j] = 0;
        for (long r = 0; r < m; r++) {
            double weight = exp(weights[r] - top);
            total += weight;
            for (long j = 0; j < d; j++)
                out[i * d + j] += weight * v[r * d + j];
        }
        for (long j = 0; j < d; j++)
            out[i * d + j] /= total;
    }
}
"""),
        _way("the weights once for each row", 3, """
void attention(const double *q, const double *k, const double *v, double *out, long n, long m, long d)
{
    double root = sqrt(d);
    for (long i = 0; i < n; i++) {
        double total = 0;
        for (long j = 0; j < d; j++)
            out[i * d + j] = 0;
        for (long r = 0; r < m; r++) {
            double score = 0;
            for (long p = 0; p < d; p++)
                score += q[i * d + p] * k[r * d + p];
            double weight = exp(score / root);
            total += weight;
            for (long j = 0; j < d; j++)
                out[i * d + j] += weight * v[r * d + j];
        }
        for (long j = 0; j < d; j++)
            out[i * d + j] /= total;
    }
}
""", "large values overflow", "numbers"),
    ),
}  # fmt: skip
