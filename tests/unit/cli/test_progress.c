/* Progress, on a terminal that is played here: what it shows in the end, and on the way. */
#include "../check.h"

#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"

#define ROWS    12
#define COLUMNS 80

/* What the bytes make of an empty screen. */
struct screen {
    char rows[ROWS][COLUMNS + 1];
    size_t row, column;
};

static void screen_escape(struct screen *screen, const char **at)
{
    char *end;
    size_t count = strtoul(*at + 2, &end, 10);
    *at = end;
    if (**at == 'A') {
        assert_true(count <= screen->row);
        screen->row -= count;
    } else if (**at == 'J') {
        assert_int_equal(screen->column, 0);
        memset(screen->rows[screen->row], 0, sizeof screen->rows[0] * (ROWS - screen->row));
    } else {
        fail_msg("an escape sequence that ends in %c", **at);
    }
}

static void screen_play(struct screen *screen, const char *bytes)
{
    memset(screen, 0, sizeof *screen);
    for (const char *at = bytes; *at; at++) {
        if (*at == '\033') {
            screen_escape(screen, &at);
        } else if (*at == '\r') {
            screen->column = 0;
        } else if (*at == '\n') {
            screen->column = 0;
            assert_true(++screen->row < ROWS);
        } else {
            assert_true(screen->column < COLUMNS - 1);
            screen->rows[screen->row][screen->column++] = *at;
        }
    }
}

struct stage {
    struct progress progress;
    char *bytes;
    size_t size;
    struct screen screen;
};

static void stage_init(struct stage *stage, bool live)
{
    *stage = (struct stage){0};
    stage->progress.out = open_memstream(&stage->bytes, &stage->size);
    stage->progress.live = live;
    assert_non_null(stage->progress.out);
}

static void stage_fini(struct stage *stage)
{
    (void)fclose(stage->progress.out);
    free(stage->bytes);
}

/* The rows of the screen now begin with these words, and there are no more of them. */
static void check_rows(struct stage *stage, const char *const *words, size_t count)
{
    (void)fflush(stage->progress.out);
    screen_play(&stage->screen, stage->bytes);
    for (size_t i = 0; i < ROWS; i++) {
        const char *row = stage->screen.rows[i];
        if (i >= count ? *row != '\0' : strncmp(row, words[i], strlen(words[i])) != 0)
            fail_msg("row %zu is \"%s\"", i, row);
    }
}

#define check_screen(stage, ...)                                                                   \
    do {                                                                                           \
        static const char *const words[] = {__VA_ARGS__};                                          \
        check_rows(stage, words, sizeof words / sizeof *words);                                    \
    } while (0)

static void shows_a_line_for_each_step(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    progress_show(&stage.progress, "a: downloading", 10, 100, true);
    progress_show(&stage.progress, "b: downloading", 20, 100, true);
    progress_show(&stage.progress, "c: making disk", 30, 100, true);
    check_screen(&stage, "a: downloading [====>", "b: downloading [========>",
                 "c: making disk [============>");
    progress_done(&stage.progress, "b: downloaded", "100 B");
    check_screen(&stage, "b: downloaded  100 B", "a: downloading [", "c: making disk [");
    progress_show(&stage.progress, "d: downloading", 1, 100, true);
    progress_done(&stage.progress, "a: downloaded", "100 B");
    progress_show(&stage.progress, "a: making disk", 1, 100, true);
    check_screen(&stage, "b: downloaded  100 B", "a: downloaded  100 B", "c: making disk [",
                 "d: downloading [", "a: making disk [");
    progress_done(&stage.progress, "z: already there", "1 B");
    progress_clear(&stage.progress);
    check_screen(&stage, "b: downloaded  100 B", "a: downloaded  100 B", "z: already there  1 B");
    stage_fini(&stage);
}

static void shows_no_more_steps_than_it_has_room_for(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    for (char name = 'a'; name < 'z'; name++) {
        const char label[] = {name, ':', ' ', 'x', '\0'};
        progress_show(&stage.progress, label, 1, 2, true);
    }
    check_screen(&stage, "a:", "b:", "c:", "d:", "e:", "f:", "g:", "h:");
    progress_done(&stage.progress, "y: done", "");
    progress_clear(&stage.progress);
    check_screen(&stage, "y: done");
    stage_fini(&stage);
}

/* What an earlier pull left has not come at this speed. */
static void counts_no_speed_for_what_was_there(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    progress_show(&stage.progress, "a: x", 900000000, 1000000000, true);
    stage.progress.steps[0].start_ms -= 10000;
    stage.progress.next_ms = 0;
    progress_show(&stage.progress, "a: x", 900010000, 1000000000, true);
    (void)fflush(stage.progress.out);
    assert_non_null(strstr(stage.bytes, "900.0 MB / 1.0 GB  1.0 kB/s"));
    stage_fini(&stage);
}

static void says_only_what_is_done_where_there_is_no_terminal(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, false);
    progress_show(&stage.progress, "a: downloading", 10, 100, true);
    progress_done(&stage.progress, "a: downloaded", "100 B");
    progress_clear(&stage.progress);
    (void)fflush(stage.progress.out);
    assert_string_equal(stage.bytes, "a: downloaded  100 B\n");
    stage_fini(&stage);
}

static void says_nothing_when_quiet(void **state)
{
    (void)state;
    struct progress progress;
    progress_init(&progress, true);
    progress_show(&progress, "a: downloading", 10, 100, true);
    progress_done(&progress, "a: downloaded", "100 B");
    progress_clear(&progress);
    assert_null(progress.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_a_line_for_each_step),
        cmocka_unit_test(shows_no_more_steps_than_it_has_room_for),
        cmocka_unit_test(counts_no_speed_for_what_was_there),
        cmocka_unit_test(says_only_what_is_done_where_there_is_no_terminal),
        cmocka_unit_test(says_nothing_when_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
