/*
 * manual.c: what a program says of itself, from one description.
 *
 * A program's option table has the names, letters, values and meanings; with a few sentences around
 * them that is all that a manual page has, too. The pages are not art, but they are never wrong.
 *   Rejected: help2man and its like, which parse the output of --help back into what was known
 * before it was printed; pages written by hand, of which experience says the rest.
 *
 * A shell's completion offers the commands, then the options of the command that was given, then
 * file names, and after an option whose value is called FILE or DIR file names as well.
 */
#include "manual.h"

#include <string.h>

#include <sley/version.h>

/* Calls print() for each line of a text, without its newline. */
static void each_line(const char *text, void (*print)(const char *, size_t, FILE *), FILE *out)
{
    while (text && *text) {
        size_t length = strcspn(text, "\n");
        print(text, length, out);
        text += length + (text[length] == '\n');
    }
}

/* --- --help --------------------------------------------------------------------------------- */

static void print_plain(const char *line, size_t length, FILE *out)
{
    fprintf(out, "%.*s\n", (int)length, line);
}

/* "Usage: NAME ..." and the further ways below it. */
static void print_usage(const struct manual *manual, FILE *out)
{
    const char *before = "Usage:";

    for (const char *line = manual->usage; line; before = "      ") {
        size_t length = strcspn(line, "\n");
        fprintf(out, "%s %s %.*s\n", before, manual->name, (int)length, line);
        line = line[length] ? line + length + 1 : NULL;
    }
}

static const char *last_word(const char *name)
{
    const char *blank = strrchr(name, ' ');

    return blank ? blank + 1 : name;
}

void manual_help(const struct manual *manual, FILE *out)
{
    print_usage(manual, out);
    fputc('\n', out);
    each_line(manual->about, print_plain, out);
    fputc('\n', out);
    for (const struct manual *const *c = manual->commands; c && *c; c++)
        fprintf(out, "  %-10s %s\n", last_word((*c)->name), (*c)->summary);
    if (manual->commands)
        fputc('\n', out);
    if (manual->table)
        opt_help(manual->table, out);
    if (manual->notes)
        fputc('\n', out);
    each_line(manual->notes, print_plain, out);
}

int manual_answer(const struct manual *manual, bool help)
{
    if (help)
        manual_help(manual, stdout);
    else
        printf("%.*s %s\n", (int)strcspn(manual->name, " "), manual->name, sley_version());
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_DONE;
    fprintf(stderr, "%s: cannot write to the standard output\n", manual->name);
    return EXIT_SOME_FAILED;
}

/* --- the manual page ------------------------------------------------------------------------ */

/* Text as troff wants it: nothing in it is a request or an escape. */
static void print_roff(const char *text, size_t length, FILE *out)
{
    if (length && (text[0] == '.' || text[0] == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
    fputc('\n', out);
}

static void print_paragraphs(const char *line, size_t length, FILE *out)
{
    if (length == 0)
        fputs(".PP\n", out);
    else if (line[0] == ' ') /* a table: as it stands */
        fputs(".br\n", out);
    print_roff(line + strspn(line, " "), length - strspn(line, " "), out);
}

static void print_page_option(const struct opt *option, FILE *out)
{
    fputs(".TP\n.B ", out);
    if (option->letter)
        fprintf(out, "\\-%c, ", option->letter);
    fputs("\\-\\-", out);
    for (const char *c = option->name; *c; c++)
        fprintf(out, "%s%c", *c == '-' ? "\\" : "", *c);
    if (option->value)
        fprintf(out, "\\fR \\fI%s\\fR", option->value);
    fputc('\n', out);
    each_line(option->help, print_roff, out);
}

static void print_page_body(const struct manual *manual, FILE *out)
{
    each_line(manual->about, print_paragraphs, out);
    for (const struct opt *o = manual->table; o && o->name; o++)
        print_page_option(o, out);
    if (manual->notes)
        fputs(".PP\n", out);
    each_line(manual->notes, print_paragraphs, out);
}

/* ".B NAME" and what follows it, for each way. */
static void print_page_usage(const struct manual *manual, FILE *out)
{
    for (const char *line = manual->usage; line;) {
        size_t length = strcspn(line, "\n");
        fputs(".B ", out);
        print_roff(manual->name, strlen(manual->name), out);
        print_roff(line, length, out);
        line = line[length] ? line + length + 1 : NULL;
        fputs(".br\n", out);
    }
}

static void print_page(const struct manual *manual, FILE *out)
{
    fprintf(out, ".TH \"%s\" 1 \"\" \"sley %s\" \"User Commands\"\n.SH NAME\n", manual->name,
            sley_version());
    fprintf(out, "%s \\- %s\n.SH SYNOPSIS\n", manual->name, manual->summary);
    print_page_usage(manual, out);
    for (const struct manual *const *c = manual->commands; c && *c; c++)
        print_page_usage(*c, out);
    fputs(".SH DESCRIPTION\n", out);
    print_page_body(manual, out);
    for (const struct manual *const *c = manual->commands; c && *c; c++) {
        fprintf(out, ".SH \"%s\"\n", (*c)->name);
        print_page_body(*c, out);
    }
}

/* --- completions ---------------------------------------------------------------------------- */

static bool is_file(const struct opt *option)
{
    return option->value &&
           (strcmp(option->value, "FILE") == 0 || strcmp(option->value, "DIR") == 0);
}

static void print_commands(const struct manual *manual, FILE *out)
{
    if (manual->words)
        fputs(manual->words, out);
    for (const struct manual *const *c = manual->commands; c && *c; c++)
        fprintf(out, "%s%s", c == manual->commands ? "" : " ", last_word((*c)->name));
}

static void print_names(const struct opt *table, FILE *out)
{
    for (const struct opt *o = table; o && o->name; o++)
        fprintf(out, "%s--%s", o == table ? "" : " ", o->name);
}

/* The options that take a value, file names or others, as patterns of a case. */
static void print_bash_values(const struct manual *manual, bool files, FILE *out)
{
    const char *before = "    ";

    for (const struct opt *o = manual->table; o && o->name; o++) {
        if (!o->value || is_file(o) != files)
            continue;
        fprintf(out, "%s--%s", before, o->name);
        if (o->letter)
            fprintf(out, "|-%c", o->letter);
        before = "|";
    }
    if (before[0] == '|')
        fputs(files ? ") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
                    : ") COMPREPLY=(); return ;;\n",
              out);
}

static void print_bash_case(const struct manual *manual, FILE *out)
{
    fputs("    case $before in\n", out);
    print_bash_values(manual, true, out);
    print_bash_values(manual, false, out);
    fputs("    esac\n    if [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W \"", out);
    print_names(manual->table, out);
    fputs("\" -- \"$word\"))\n        return\n    fi\n", out);
}

/* The function's name: an identifier. */
static void print_identifier(const char *name, FILE *out)
{
    for (; *name; name++)
        fputc(*name == '-' || *name == ' ' ? '_' : *name, out);
}

static void print_bash(const struct manual *manual, FILE *out)
{
    fputc('_', out);
    print_identifier(manual->name, out);
    fputs("()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]}\n    ((COMP_CWORD > 1)) || command=\n",
          out);
    for (const struct manual *const *c = manual->commands; c && *c; c++) {
        fprintf(out, "    if [[ $command == %s ]]; then\n", last_word((*c)->name));
        print_bash_case(*c, out);
        fputs("        COMPREPLY=($(compgen -f -- \"$word\"))\n        return\n    fi\n", out);
    }
    print_bash_case(manual, out);
    fputs("    if ((COMP_CWORD == 1)) && [[ \"", out);
    print_commands(manual, out);
    fputs("\" ]]; then\n        COMPREPLY=($(compgen -W \"", out);
    print_commands(manual, out);
    fputs("\" -- \"$word\"))\n        return\n    fi\n"
          "    COMPREPLY=($(compgen -f -- \"$word\"))\n}\ncomplete -o filenames -F _",
          out);
    print_identifier(manual->name, out);
    fprintf(out, " %s\n", manual->name);
}

/* A help text inside of single quotes, for zsh also inside of brackets: its first line. */
static void print_quoted(const char *text, FILE *out)
{
    for (size_t i = 0; text[i] && text[i] != '\n'; i++) {
        if (text[i] == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", text[i]))
            fprintf(out, "\\%c", text[i]);
        else
            fputc(text[i], out);
    }
}

static void print_zsh_options(const struct opt *table, FILE *out)
{
    for (const struct opt *o = table; o && o->name; o++) {
        if (o->letter)
            fprintf(out, " \\\n        '(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter,
                    o->name);
        else
            fprintf(out, " \\\n        '--%s[", o->name);
        print_quoted(o->help, out);
        fputc(']', out);
        if (o->value)
            fprintf(out, ":%s:%s", o->value, is_file(o) ? "_files" : "");
        fputc('\'', out);
    }
}

static void print_zsh(const struct manual *manual, FILE *out)
{
    fprintf(out, "#compdef %s\n", manual->name);
    for (const struct manual *const *c = manual->commands; c && *c; c++) {
        fprintf(out, "if [[ ${words[2]} == %s ]] && ((CURRENT > 2)); then\n    _arguments -s",
                last_word((*c)->name));
        print_zsh_options((*c)->table, out);
        fputs(" \\\n        '*:file:_files'\n    return\nfi\n", out);
    }
    fputs("_arguments -s", out);
    print_zsh_options(manual->table, out);
    if (manual->words || manual->commands) {
        fputs(" \\\n        '1:command:(", out);
        print_commands(manual, out);
        fputs(")'", out);
    }
    fputs(" \\\n        '*:file:_files'\n", out);
}

static void print_fish_options(const struct manual *manual, const char *program, FILE *out)
{
    bool command = manual->name != program;

    for (const struct opt *o = manual->table; o && o->name; o++) {
        fprintf(out, "complete -c %s", program);
        if (command)
            fprintf(out, " -n '__fish_seen_subcommand_from %s'", last_word(manual->name));
        if (o->letter)
            fprintf(out, " -s %c", o->letter);
        fprintf(out, " -l %s%s -d '", o->name, is_file(o) ? " -r -F" : o->value ? " -x" : "");
        for (size_t i = 0; o->help[i] && o->help[i] != '\n'; i++)
            fprintf(out, "%s%c", strchr("'\\", o->help[i]) ? "\\" : "", o->help[i]);
        fputs("'\n", out);
    }
}

static void print_fish(const struct manual *manual, FILE *out)
{
    if (manual->words || manual->commands) {
        fprintf(out, "complete -c %s -n __fish_use_subcommand -a '", manual->name);
        print_commands(manual, out);
        fputs("'\n", out);
    }
    print_fish_options(manual, manual->name, out);
    for (const struct manual *const *c = manual->commands; c && *c; c++)
        print_fish_options(*c, manual->name, out);
}

static int generate(const struct manual *manual, const char *kind, const char *file)
{
    static const struct {
        const char *name;
        void (*print)(const struct manual *manual, FILE *out);
    } kinds[] = {
        {"man", print_page}, {"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i].name) == 0) {
            FILE *out = fopen(file, "w");
            if (out)
                kinds[i].print(manual, out);
            if (out && !ferror(out) && fclose(out) == 0)
                return EXIT_DONE;
            fprintf(stderr, "%s: cannot write %s\n", manual->name, file);
            return EXIT_SOME_FAILED;
        }
    return opt_error(manual->name, "--generate: man, bash, zsh or fish, not '%s'", kind);
}

bool manual_generate(const struct manual *manual, int argc, char **argv, int *status)
{
    if (argc != 4 || strcmp(argv[1], "--generate") != 0)
        return false;
    *status = generate(manual, argv[2], argv[3]);
    return true;
}
