#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"

#define REDRAW_MS    100
#define SPEED_MS     500 /* too early for a speed before */
#define WIDTH_ASSUME 80
#define ROWS_ASSUME  24
#define BAR_MAX      40

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_init(struct progress *progress, bool quiet)
{
    const char *terminal = getenv("TERM");
    *progress = (struct progress){.out = quiet ? NULL : stderr};
    progress->live = progress->out && isatty(STDERR_FILENO) && terminal &&
                     strcmp(terminal, "dumb") != 0;
}

void progress_bytes(uint64_t bytes, char out[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(out, 16, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void terminal_size_of(FILE *out, size_t *rows, size_t *columns)
{
    struct winsize size;
    bool known = ioctl(fileno(out), TIOCGWINSZ, &size) == 0;
    *rows = known && size.ws_row > 0 ? size.ws_row : ROWS_ASSUME;
    *columns = known && size.ws_col > 0 ? size.ws_col : WIDTH_ASSUME;
}

/* "12.3 MB / 40.1 MB  8.2 MB/s", or "3 / 7". */
static void format_amount(const struct progress_step *step, uint64_t now, char out[80])
{
    char texts[3][16];
    uint64_t elapsed = now - step->start_ms;
    if (!step->bytes) {
        (void)snprintf(out, 80, "%llu / %llu", (unsigned long long)step->done,
                       (unsigned long long)step->total);
        return;
    }
    progress_bytes(step->done, texts[0]);
    progress_bytes(step->total, texts[1]);
    int len = snprintf(out, 80, "%s%s%s", texts[0], step->total ? " / " : "",
                       step->total ? texts[1] : "");
    if (elapsed < SPEED_MS || len < 0 || step->done < step->start_done)
        return;
    double moved = (double)(step->done - step->start_done);
    progress_bytes((uint64_t)(moved * 1000 / (double)elapsed), texts[2]);
    (void)snprintf(out + len, 80 - (size_t)len, "  %s/s", texts[2]);
}

static void draw_bar(FILE *out, size_t width, uint64_t done, uint64_t total)
{
    char bar[BAR_MAX + 1];
    double share = total ? (double)done / (double)total : 0;
    size_t filled = share >= 1 ? width : (size_t)(share * (double)width);
    memset(bar, ' ', width);
    memset(bar, '=', filled);
    if (filled < width)
        bar[filled] = '>';
    bar[width] = '\0';
    (void)fprintf(out, " [%s]", bar);
}

/* One line of at most `width` columns, the last of which stays empty: some terminals wrap there. */
static void draw_step(FILE *out, const struct progress_step *step, size_t width, uint64_t now)
{
    char amount[80];
    format_amount(step, now, amount);
    size_t used = strlen(step->label) + strlen(amount) + 8;
    (void)fprintf(out, "%.*s", (int)(width - 1), step->label);
    if (step->total > 0 && width > used + 8)
        draw_bar(out, width - used < BAR_MAX ? width - used : BAR_MAX, step->done, step->total);
    if (width > used)
        (void)fprintf(out, "  %s", amount);
}

/* The cursor stands in the last of the drawn lines. */
static void erase(struct progress *progress)
{
    if (progress->drawn > 1)
        (void)fprintf(progress->out, "\033[%zuA", progress->drawn - 1);
    if (progress->drawn > 0)
        (void)fputs("\r\033[J", progress->out);
    progress->drawn = 0;
}

static void draw(struct progress *progress, uint64_t now)
{
    size_t rows;
    size_t columns;
    terminal_size_of(progress->out, &rows, &columns);
    erase(progress);
    for (size_t i = 0; i < progress->count && i + 1 < rows; i++) {
        if (i > 0)
            (void)fputc('\n', progress->out);
        draw_step(progress->out, &progress->steps[i], columns, now);
        progress->drawn++;
    }
    (void)fflush(progress->out);
}

static size_t key_len(const char *label)
{
    return strcspn(label, ":");
}

static struct progress_step *find_step(struct progress *progress, const char *label)
{
    size_t len = key_len(label);
    for (size_t i = 0; i < progress->count; i++) {
        struct progress_step *step = &progress->steps[i];
        if (key_len(step->label) == len && strncmp(step->label, label, len) == 0)
            return step;
    }
    return NULL;
}

/* The step of this label; NULL where there are too many. */
static struct progress_step *take_step(struct progress *progress, const char *label, uint64_t done,
                                       uint64_t now)
{
    struct progress_step *step = find_step(progress, label);
    if (step && strcmp(step->label, label) == 0)
        return step;
    if (!step && progress->count == PROGRESS_STEPS_MAX)
        return NULL;
    if (!step)
        step = &progress->steps[progress->count++];
    *step = (struct progress_step){.start_ms = now, .start_done = done};
    (void)snprintf(step->label, sizeof step->label, "%s", label);
    progress->next_ms = 0;
    return step;
}

void progress_show(struct progress *progress, const char *label, uint64_t done, uint64_t total,
                   bool bytes)
{
    if (!progress->live)
        return;
    uint64_t now = now_ms();
    struct progress_step *step = take_step(progress, label, done, now);
    if (step) {
        step->done = done;
        step->total = total;
        step->bytes = bytes;
    }
    if (now < progress->next_ms)
        return;
    progress->next_ms = now + REDRAW_MS;
    draw(progress, now);
}

void progress_clear(struct progress *progress)
{
    erase(progress);
    progress->count = 0;
    if (progress->out)
        (void)fflush(progress->out);
}

void progress_done(struct progress *progress, const char *label, const char *note)
{
    if (!progress->out)
        return;
    struct progress_step *step = find_step(progress, label);
    if (step) {
        size_t after = (size_t)(progress->steps + progress->count - (step + 1));
        memmove(step, step + 1, after * sizeof *step);
        progress->count--;
    }
    erase(progress);
    (void)fprintf(progress->out, "%s  %s\n", label, note);
    if (progress->count > 0)
        draw(progress, now_ms());
    (void)fflush(progress->out);
}

static void observe(void *context, enum image_step step, const struct oci_digest *blob,
                    uint64_t done, uint64_t total, bool cached)
{
    static const char *const words[][3] = {
        [IMAGE_STEP_DOWNLOAD] = {"downloading", "downloaded", "already there"},
        [IMAGE_STEP_CONVERT] = {"making disk", "disk made", "disk already there"},
    };
    char hex[2 * SHA256_SIZE + 1];
    char label[64];
    char size[16];
    hex_encode(span_of(blob->bytes, sizeof blob->bytes), hex);
    (void)snprintf(label, sizeof label, "%.12s: %s", hex, words[step][done < total ? 0 : 1]);
    if (done < total) {
        progress_show(context, label, done, total, true);
        return;
    }
    if (cached)
        (void)snprintf(label, sizeof label, "%.12s: %s", hex, words[step][2]);
    progress_bytes(total, size);
    progress_done(context, label, size);
}

struct image_observer progress_observer(struct progress *progress)
{
    return (struct image_observer){.report = observe, .context = progress};
}
