"""The texts of the models page."""

_ENGLISH = {
    # -- which versions there are
    "m_empty": "There is no model yet. Make one from the events of courses that have "
    "ended, with outcome, and look again:",
    "m_versions": "All versions",
    "m_figure": "Figure",
    "m_version": "Version",
    "m_stage": "Stage",
    "m_stage_development": "development",
    "m_stage_staging": "staging",
    "m_stage_production": "production",
    "m_stage_new": "new",
    "m_stage_removed": "removed",
    "m_algorithm": "Algorithm",
    "m_created": "Stored",
    "m_judged_at": "Judged",
    "m_not_judged": "not judged",
    "m_champion_mark": "★ {version} · production",
    "m_bars_caption": "{figure} of {n_judged} of {n} versions, each on students that "
    "it had not seen: {best} has the best value, {value}. The version in production, "
    "{champion}, has a star and hatched bars. Versions that were judged on other "
    "students cannot be compared by their bars alone.",
    "m_bars_none": "None of the {n} versions was judged on students that it had not "
    "seen, so that no figure can be shown.",
    "m_bars_newest": "The picture shows the newest {n}; the table has all.",
    "m_nobody": "none",
    "m_as_table": "The same as a table",
    "m_choose": "Version to look at",
    "m_option": "{version} · {stage} · {algorithm}",
    "m_option_short": "{version} · {stage}",
    # -- the registry was changed
    "m_changed": "The registry was changed since this page was last shown: {changes}.",
    "m_change": "version {version} went from {was} to {now}",
    "m_changed_no_move": "another evaluation or note was written",
    "m_gone": "Version {version} is no longer there: it was removed. This is version "
    "{other} instead.",
    # -- one version
    "m_figures": "Figures of version {version}",
    "m_figures_of": "On {n_students} students whom the model had not seen, {n_failing} "
    "of whom fail ({n_snapshots} snapshots: a student in a course on a day). In "
    "brackets the {confidence} % interval.",
    "m_figures_of_rows": "On {n_snapshots} rows that the model had not seen, "
    "{n_failing_snapshots} of which fail. In brackets the {confidence} % interval.",
    "m_compared_same": "The arrow tells the difference from the average of the other "
    "versions judged on the same students (there are {n}).",
    "m_compared_left_out": "Versions judged on other students are left out ({n}).",
    "m_compared_other": "The arrow tells the difference from the average of the other "
    "versions (there are {n}). They were judged on other students, so that part of the "
    "difference may be the students'.",
    "m_compared_none": "No other version was judged, so that there is nothing to "
    "compare with.",
    "m_better": "{difference} (better)",
    "m_worse": "{difference} (worse)",
    "m_equal": "{difference} (the same)",
    "m_interval": "[{low}, {high}]",
    "m_value": "Value",
    "m_low": "Interval from",
    "m_high": "to",
    "m_others": "Average of the others",
    "m_difference": "Difference",
    "m_unjudged": "Version {version} was not judged on students that it had not seen, "
    "so that nothing can be said of how good it is. Judge it with:",
    "m_only_choosing": "Version {version} has figures only of students by whom a "
    "contest between versions was decided. Such figures flatter the winner and are "
    "not shown. Judge it on other students with:",
    "m_choosing_left_out": "{n} evaluations by which a contest was decided, or on the "
    "same students, are not shown: they flatter the winner.",
    # -- the figures' names
    "m_name_roc_auc": "ROC AUC",
    "m_name_average_precision": "Average precision",
    "m_name_f1": "F1",
    "m_name_precision": "Precision",
    "m_name_recall": "Recall",
    "m_name_accuracy": "Accuracy",
    "m_name_brier": "Brier score",
    "m_name_log_loss": "Log loss",
    "m_name_calibration_error": "Calibration error",
    "m_help_roc_auc": "How often a failing student is ranked above a passing one; 0.5 "
    "is chance.",
    "m_help_average_precision": "Mean precision over all thresholds; chance is the "
    "share that fails.",
    "m_help_f1": "Harmonic mean of precision and recall at the threshold.",
    "m_help_precision": "Share of the flagged that fail.",
    "m_help_recall": "Share of the failing that are flagged.",
    "m_help_accuracy": "Share judged rightly; high by itself where few fail.",
    "m_help_brier": "Mean squared error of the probabilities; 0 is best.",
    "m_help_log_loss": "As the Brier score, harder on confident errors; 0 is best.",
    "m_help_calibration_error": "How far probabilities lie from the shares that fail, "
    "on average; 0 is best.",
    # -- the threshold
    "m_threshold": "What another threshold would do",
    "m_threshold_slider": "Threshold: flag from this probability on",
    "m_threshold_own": "This is the threshold of the model.",
    "m_threshold_other": "The model's own threshold is {own}. Moving the slider does "
    "not change the model. And a threshold that is chosen here, on the students that "
    "the model is judged on, is no longer judged honestly: choose it by other "
    "students, then judge it on these.",
    "m_threshold_stops": "The slider stops at the {n} thresholds for which the "
    "evaluation tells every count; between two of them it does not tell who would be "
    "flagged.",
    "m_threshold_left_out": "{n} higher ones are left out: nobody who fails is flagged "
    "there, and how many others are was not kept.",
    "m_confusion": "Snapshots of the test side by truth and by flag",
    "m_passes": "passes",
    "m_fails": "fails",
    "m_not_flagged": "not flagged",
    "m_flagged": "flagged",
    "m_per_course": "Flagged per course",
    "m_per_course_help": "Mean number of students of a course who stand flagged on a "
    "day, on the test side.",
    "m_thresholds_caption": "At {threshold}: precision {precision}, recall {recall}, "
    "F1 {f1}. The dashed upright line is the slider, the dotted one the model's own "
    "threshold, {own}.",
    "m_axis_threshold": "threshold",
    "m_axis_share": "share",
    "m_by_course": "Students flagged per course, in your table",
    "m_by_course_caption": "This is the table that the app was given, scored by "
    "version {version} at each student's latest day, and not the test side: {flagged} "
    "of {n} students (counted once per course) would be flagged at {threshold}, in "
    "{n_courses} courses.",
    "m_by_course_none": "Start the app with --data, or upload a table on the page of "
    "the students, to see whom this threshold would flag in each course.",
    "m_course": "Course",
    "m_students": "Students",
    # -- curves
    "m_curves": "Curves of the test side",
    "m_title_roc": "ROC",
    "m_title_precision_recall": "Precision and recall",
    "m_title_calibration": "Calibration",
    "m_title_earliness": "How early it can tell",
    "m_caption_roc": "For each threshold, the share of the failing that is flagged "
    "against the share of the passing that is. The area is {area} {interval}; 0.5 is "
    "chance. At the model's threshold (diamond) {tpr} of the failing and {fpr} of the "
    "passing are flagged.",
    "m_caption_precision_recall": "For each threshold, the share of the flagged that "
    "fail against the share of the failing that are flagged. Average precision is "
    "{area} {interval}; chance is {chance}. At the model's threshold (diamond) "
    "precision is {precision} and recall {recall}.",
    "m_caption_calibration": "The share that fails among those who were given about "
    "the same probability; on the dotted line probabilities mean what they say. The "
    "calibration error is {error} {interval}. The group that was given most, "
    "{highest_given} on average, fails in {highest_found} of cases.",
    "m_caption_earliness": "ROC AUC on each day of the course, with its interval: "
    "{at_first} on day {first}, {at_last} on day {last}; 0.5 is chance. Of the failing "
    "{share_alerted} are flagged at least once, for the first time {lead} days before "
    "the end (median).",
    "m_days_left_out": "{n} days with too few students to tell are left out.",
    "m_curve_none_roc": "It takes students who pass and students who fail to draw it.",
    "m_curve_none_precision_recall": "It takes students who fail to draw it.",
    "m_curve_none_calibration": "There is nothing to draw.",
    "m_curve_none_earliness": "No day has enough students to tell, or the model was "
    "judged on a table without days.",
    "m_axis_fpr": "share of the passing flagged",
    "m_axis_tpr": "share of the failing flagged",
    "m_axis_precision": "precision",
    "m_axis_recall": "recall",
    "m_axis_mean_predicted": "probability given, on average",
    "m_axis_share_positive": "share that fails",
    "m_axis_n": "snapshots",
    "m_axis_low": "interval from",
    "m_axis_high": "to",
    "m_axis_particion": "course day",
    "m_axis_n_students": "students",
    "m_axis_n_failing": "failing",
    "m_axis_roc_auc": "ROC AUC",
    "m_axis_roc_auc_low": "interval from",
    "m_axis_roc_auc_high": "to",
    "m_axis_f1": "F1",
    "m_axis_flagged_per_course": "flagged per course",
    "m_legend_model": "model",
    "m_legend_chance": "chance",
    "m_legend_own": "its threshold",
    "m_legend_promised": "as promised",
    "m_legend_interval": "interval",
    # -- what it goes by
    "m_features": "What it goes by",
    "m_importance_caption": "The {n} of {n_features} features that weigh most: the "
    "mean absolute contribution to the score before calibration, on {n_rows} students "
    "of the app's table ({scale}). The heaviest is: {first}. Contributions say what "
    "the model goes by, and not what makes students fail.",
    "m_importance_own": "The {n} of {n_features} features that the trees of the model "
    "use most, as it keeps count itself: shares of all. The heaviest is: {first}. They "
    "say what the model goes by, and not what makes students fail. With a table "
    "(--data) their contributions to the scores are shown instead.",
    "m_importance_none": "This model does not tell which features weigh most without "
    "a table of events to look at. Start the app with --data.",
    "m_importance_failed": "The contributions could not be told. {reason}",
    "m_scale_log-odds": "log-odds",
    "m_scale_probability": "probability",
    "m_feature": "Feature",
    "m_column": "Name in the library",
    "m_weight": "Weight",
    "m_explaining": "Looking at what the model goes by …",
    "m_scoring": "Scoring the table with version {version} …",
    "m_reading": "Reading the registry …",
    "m_points": "Predictions over the three heaviest features",
    "m_points_caption": "Each mark is a student of the app's table in a course, at the "
    "latest day: {n} of {n_all}. Diamonds are flagged ({flagged}), circles are not. "
    "The flagged have {means_flagged} on average; the others {means_others}.",
    "m_points_missing": "{n} of whom one of the three is not known yet are not drawn.",
    "m_points_mean": "{value} ({feature})",
    "m_points_none": "There are no three features of known names, or no table, to draw "
    "predictions over.",
    "m_probability": "Probability",
    "m_group": "Group",
    "m_count": "Count",
    "m_mean_of": "mean of: {feature}",
    # -- data and split
    "m_data": "The data it was judged on",
    "m_data_note": "The registry keeps fingerprints of the rows, and none of the rows. "
    "Equal fingerprints are equal rows with equal outcomes.",
    "m_fact": "What",
    "m_fact_created_at": "Stored",
    "m_fact_parent": "Made from version",
    "m_fact_trained_on": "Rows it was trained on (SHA-256)",
    "m_fact_split_plan": "Split plan of calibration and threshold (hash)",
    "m_fact_folds": "Folds of these, by student",
    "m_fact_calibration": "Calibration",
    "m_fact_threshold_rule": "Rule of the threshold",
    "m_fact_threshold_from": "Rows its threshold was chosen on (SHA-256)",
    "m_fact_judged_on": "Rows it was judged on: the test side (SHA-256)",
    "m_fact_evaluated_at": "Judged",
    "m_fact_purpose": "Judged for",
    "m_fact_n_snapshots": "Test side: snapshots",
    "m_fact_n_histories": "Test side: students, once per course",
    "m_fact_n_students": "Test side: students",
    "m_fact_n_failing_students": "Test side: students who fail",
    "m_fact_n_failing_snapshots": "Test side: snapshots that fail",
    "m_fact_n_courses": "Test side: courses",
    "m_fact_n_partitions": "Test side: course days",
    "m_purpose_validation": "validation, when it was registered",
    "m_purpose_report": "a report",
    # -- history
    "m_history": "Its history",
    "m_when": "When",
    "m_who": "Who",
    "m_what": "What",
    "m_from": "From",
    "m_to": "To",
    "m_why": "Why",
    "m_what_register": "registered",
    "m_what_promote": "promoted",
    "m_what_demote": "demoted",
    "m_what_rollback": "rolled back",
    "m_what_compete": "contest",
    "m_what_remove": "removed",
    "m_what_import": "imported",
    # -- changes
    "m_promote": "Promote to production",
    "m_rollback": "Roll back",
    "m_is_champion": "Version {version} is in production.",
    "m_promote_title": "Promote version {version}?",
    "m_promote_text": "Version {version} becomes the one that scores students. "
    "{before} goes back to development.",
    "m_promote_first": "Version {version} becomes the one that scores students. There "
    "is none so far.",
    "m_promote_unjudged": "It was not judged: nobody knows how good it is.",
    "m_rollback_title": "Roll back to version {version}?",
    "m_rollback_text": "Version {before} becomes the one that scores students again, "
    "and version {version} goes back to development.",
    "m_rollback_none": "There is no version to roll back to: none that was in "
    "production before is still there.",
    "m_version_n": "Version {version}",
    "m_why_input": "Why? (for the history)",
    "m_yes_promote": "Yes, promote",
    "m_yes_rollback": "Yes, roll back",
    "m_no": "No, change nothing",
    "m_done_promote": "Version {version} is in production now.",
    "m_done_rollback": "Version {version} is in production again.",
    "m_not_done_changed": "Nothing was changed, for the registry is no longer as the "
    "page showed it: {changes}. Look at it as it is now, and decide again.",
    "m_not_done_gone": "Nothing was changed: the version was removed meanwhile.",
    "m_not_done_not_allowed": "Nothing was changed: the app was started without "
    "--allow-changes.",
    "m_not_done_none_before": "Nothing was changed: there is no version to roll back "
    "to.",
    "m_not_done_refused": "Nothing was changed. {reason}",
    "m_done_overtaken": "It was done, but another change came at the same moment: "
    "{changes}. Version {version} is in production now.",
    # -- an endpoint
    "m_endpoint": "The model that the endpoint serves",
    "m_endpoint_rest": "An endpoint tells of the one model that it serves, and not of "
    "other versions, curves or history. Start the app with --registry to see these.",
    "m_endpoint_figures": "The figures that it was registered with. Whether a contest "
    "was decided on the same students, which would flatter it, the endpoint does not "
    "tell.",
    "m_endpoint_no_figures": "It was registered without figures: not judged.",
    "m_endpoint_threshold": "Flags from this probability on",
}

_SPANISH = {
    # -- which versions there are
    "m_empty": "Todavía no hay ningún modelo. Haga uno con los eventos de cursos ya "
    "terminados, con resultado, y vuelva a mirar:",
    "m_versions": "Todas las versiones",
    "m_figure": "Medida",
    "m_version": "Versión",
    "m_stage": "Etapa",
    "m_stage_development": "desarrollo",
    "m_stage_staging": "a prueba",
    "m_stage_production": "producción",
    "m_stage_new": "nueva",
    "m_stage_removed": "quitada",
    "m_algorithm": "Algoritmo",
    "m_created": "Guardada",
    "m_judged_at": "Evaluada",
    "m_not_judged": "sin evaluar",
    "m_champion_mark": "★ {version} · producción",
    "m_bars_caption": "{figure} de {n_judged} de {n} versiones, cada una con "
    "estudiantes que no había visto: {best} tiene el mejor valor, {value}. La versión "
    "en producción, {champion}, lleva una estrella y la barra rayada. Las versiones "
    "evaluadas con otros estudiantes no se comparan solo por sus barras.",
    "m_bars_none": "Ninguna de las {n} versiones se evaluó con estudiantes que no "
    "había visto, así que no hay medidas que mostrar.",
    "m_bars_newest": "La figura muestra las {n} más nuevas; la tabla, todas.",
    "m_nobody": "ninguna",
    "m_as_table": "Lo mismo en una tabla",
    "m_choose": "Versión que se mira",
    "m_option": "{version} · {stage} · {algorithm}",
    "m_option_short": "{version} · {stage}",
    # -- the registry was changed
    "m_changed": "El registro cambió desde la última vez que se mostró esta página: "
    "{changes}.",
    "m_change": "la versión {version} pasó de {was} a {now}",
    "m_changed_no_move": "se escribió otra evaluación o nota",
    "m_gone": "La versión {version} ya no está: fue quitada. Se muestra la versión "
    "{other} en su lugar.",
    # -- one version
    "m_figures": "Medidas de la versión {version}",
    "m_figures_of": "Con {n_students} estudiantes que el modelo no había visto, de "
    "quienes {n_failing} reprueban ({n_snapshots} instantáneas: un estudiante en un "
    "curso y un día). Entre corchetes, el intervalo del {confidence} %.",
    "m_figures_of_rows": "Con {n_snapshots} filas que el modelo no había visto, de las "
    "que {n_failing_snapshots} reprueban. Entre corchetes, el intervalo del "
    "{confidence} %.",
    "m_compared_same": "La flecha indica la diferencia con el promedio de las otras "
    "versiones evaluadas con los mismos estudiantes (hay {n}).",
    "m_compared_left_out": "Quedan fuera las versiones evaluadas con otros "
    "estudiantes ({n}).",
    "m_compared_other": "La flecha indica la diferencia con el promedio de las otras "
    "versiones (hay {n}). Se evaluaron con otros estudiantes, así que parte de la "
    "diferencia puede deberse a ellos.",
    "m_compared_none": "Ninguna otra versión fue evaluada, así que no hay con qué "
    "comparar.",
    "m_better": "{difference} (mejor)",
    "m_worse": "{difference} (peor)",
    "m_equal": "{difference} (igual)",
    "m_interval": "[{low}; {high}]",
    "m_value": "Valor",
    "m_low": "Intervalo desde",
    "m_high": "hasta",
    "m_others": "Promedio de las otras",
    "m_difference": "Diferencia",
    "m_unjudged": "La versión {version} no se evaluó con estudiantes que no había "
    "visto, así que nada puede decirse de qué tan buena es. Evalúela con:",
    "m_only_choosing": "La versión {version} solo tiene medidas de estudiantes con "
    "los que se decidió un concurso entre versiones. Esas medidas favorecen a quien "
    "ganó y no se muestran. Evalúela con otros estudiantes:",
    "m_choosing_left_out": "No se muestran {n} evaluaciones con las que se decidió un "
    "concurso, o con los mismos estudiantes: favorecen a quien ganó.",
    # -- the figures' names
    "m_name_roc_auc": "AUC de la ROC",
    "m_name_average_precision": "Precisión media",
    "m_name_f1": "F1",
    "m_name_precision": "Precisión",
    "m_name_recall": "Exhaustividad",
    "m_name_accuracy": "Exactitud",
    "m_name_brier": "Puntaje de Brier",
    "m_name_log_loss": "Pérdida logarítmica",
    "m_name_calibration_error": "Error de calibración",
    "m_help_roc_auc": "Con qué frecuencia quien reprueba queda por encima de quien "
    "aprueba; 0,5 es azar.",
    "m_help_average_precision": "Precisión media sobre todos los umbrales; el azar es "
    "la parte que reprueba.",
    "m_help_f1": "Media armónica de precisión y exhaustividad en el umbral.",
    "m_help_precision": "Parte de los señalados que reprueba.",
    "m_help_recall": "Parte de quienes reprueban que es señalada.",
    "m_help_accuracy": "Parte juzgada bien; alta por sí sola donde pocos reprueban.",
    "m_help_brier": "Error cuadrático medio de las probabilidades; 0 es lo mejor.",
    "m_help_log_loss": "Como el puntaje de Brier, más severo con errores seguros de "
    "sí; 0 es lo mejor.",
    "m_help_calibration_error": "Cuánto distan las probabilidades de las partes que "
    "reprueban, en promedio; 0 es lo mejor.",
    # -- the threshold
    "m_threshold": "Qué haría otro umbral",
    "m_threshold_slider": "Umbral: señalar desde esta probabilidad",
    "m_threshold_own": "Este es el umbral del modelo.",
    "m_threshold_other": "El umbral del modelo es {own}. Mover el control no cambia el "
    "modelo. Y un umbral elegido aquí, con los estudiantes con que se evalúa el "
    "modelo, ya no queda evaluado honestamente: elíjalo con otros estudiantes y "
    "evalúelo con estos.",
    "m_threshold_stops": "El control se detiene en los {n} umbrales de los que la "
    "evaluación dice todas las cantidades; entre dos de ellos no dice quiénes serían "
    "señalados.",
    "m_threshold_left_out": "Quedan fuera {n} más altos: allí no se señala a nadie que "
    "repruebe, y no se guardó a cuántos otros.",
    "m_confusion": "Instantáneas del lado de prueba según resultado y señal",
    "m_passes": "aprueba",
    "m_fails": "reprueba",
    "m_not_flagged": "no señalados",
    "m_flagged": "señalados",
    "m_per_course": "Señalados por curso",
    "m_per_course_help": "Número medio de estudiantes de un curso que están señalados "
    "un día, en el lado de prueba.",
    "m_thresholds_caption": "En {threshold}: precisión {precision}, exhaustividad "
    "{recall}, F1 {f1}. La línea vertical a rayas es el control; la de puntos, el "
    "umbral del modelo, {own}.",
    "m_axis_threshold": "umbral",
    "m_axis_share": "parte",
    "m_by_course": "Estudiantes señalados por curso, en su tabla",
    "m_by_course_caption": "Es la tabla que recibió la aplicación, con las "
    "probabilidades de la versión {version} en el último día de cada estudiante, y no "
    "el lado de prueba: {flagged} de {n} estudiantes (contados una vez por curso) "
    "serían señalados en {threshold}, en {n_courses} cursos.",
    "m_by_course_none": "Inicie la aplicación con --data, o suba una tabla en la "
    "página de estudiantes, para ver a quiénes señalaría este umbral en cada curso.",
    "m_course": "Curso",
    "m_students": "Estudiantes",
    # -- curves
    "m_curves": "Curvas del lado de prueba",
    "m_title_roc": "ROC",
    "m_title_precision_recall": "Precisión y exhaustividad",
    "m_title_calibration": "Calibración",
    "m_title_earliness": "Cuán temprano avisa",
    "m_caption_roc": "Para cada umbral, la parte señalada de quienes reprueban frente "
    "a la de quienes aprueban. El área es {area} {interval}; 0,5 es azar. En el umbral "
    "del modelo (rombo) se señala a {tpr} de quienes reprueban y a {fpr} de quienes "
    "aprueban.",
    "m_caption_precision_recall": "Para cada umbral, la parte de los señalados que "
    "reprueba frente a la parte señalada de quienes reprueban. La precisión media es "
    "{area} {interval}; el azar es {chance}. En el umbral del modelo (rombo) la "
    "precisión es {precision} y la exhaustividad {recall}.",
    "m_caption_calibration": "La parte que reprueba entre quienes recibieron casi la "
    "misma probabilidad; sobre la línea de puntos las probabilidades significan lo que "
    "dicen. El error de calibración es {error} {interval}. El grupo que recibió la "
    "mayor, {highest_given} en promedio, reprueba en {highest_found} de los casos.",
    "m_caption_earliness": "AUC de la ROC en cada día del curso, con su intervalo: "
    "{at_first} el día {first}, {at_last} el día {last}; 0,5 es azar. De quienes "
    "reprueban, {share_alerted} son señalados al menos una vez, por primera vez {lead} "
    "días antes del final (mediana).",
    "m_days_left_out": "Quedan fuera {n} días con muy pocos estudiantes para saberlo.",
    "m_curve_none_roc": "Para dibujarla hacen falta estudiantes que aprueben y que "
    "reprueben.",
    "m_curve_none_precision_recall": "Para dibujarla hacen falta estudiantes que "
    "reprueben.",
    "m_curve_none_calibration": "No hay nada que dibujar.",
    "m_curve_none_earliness": "Ningún día tiene estudiantes suficientes, o el modelo "
    "se evaluó con una tabla sin días.",
    "m_axis_fpr": "parte señalada de quienes aprueban",
    "m_axis_tpr": "parte señalada de quienes reprueban",
    "m_axis_precision": "precisión",
    "m_axis_recall": "exhaustividad",
    "m_axis_mean_predicted": "probabilidad dada, en promedio",
    "m_axis_share_positive": "parte que reprueba",
    "m_axis_n": "instantáneas",
    "m_axis_low": "intervalo desde",
    "m_axis_high": "hasta",
    "m_axis_particion": "día del curso",
    "m_axis_n_students": "estudiantes",
    "m_axis_n_failing": "reprueban",
    "m_axis_roc_auc": "AUC de la ROC",
    "m_axis_roc_auc_low": "intervalo desde",
    "m_axis_roc_auc_high": "hasta",
    "m_axis_f1": "F1",
    "m_axis_flagged_per_course": "señalados por curso",
    "m_legend_model": "modelo",
    "m_legend_chance": "azar",
    "m_legend_own": "su umbral",
    "m_legend_promised": "lo prometido",
    "m_legend_interval": "intervalo",
    # -- what it goes by
    "m_features": "En qué se basa",
    "m_importance_caption": "Las {n} de {n_features} variables que más pesan: "
    "contribución absoluta media al puntaje antes de calibrar, en {n_rows} estudiantes "
    "de la tabla de la aplicación ({scale}). La que más pesa es: {first}. Las "
    "contribuciones dicen en qué se basa el modelo, y no qué hace reprobar.",
    "m_importance_own": "Las {n} de {n_features} variables que más usan los árboles "
    "del modelo, según su propia cuenta: partes del total. La que más pesa es: "
    "{first}. Dicen en qué se basa el modelo, y no qué hace reprobar. Con una tabla "
    "(--data) se muestran en su lugar las contribuciones a los puntajes.",
    "m_importance_none": "Este modelo no dice qué variables pesan más sin una tabla "
    "de eventos a la vista. Inicie la aplicación con --data.",
    "m_importance_failed": "No fue posible conocer las contribuciones. {reason}",
    "m_scale_log-odds": "log-odds",
    "m_scale_probability": "probabilidad",
    "m_feature": "Variable",
    "m_column": "Nombre en la biblioteca",
    "m_weight": "Peso",
    "m_explaining": "Mirando en qué se basa el modelo …",
    "m_scoring": "Calculando las probabilidades de la tabla con la versión {version} …",
    "m_reading": "Leyendo el registro …",
    "m_points": "Probabilidades según las tres variables que más pesan",
    "m_points_caption": "Cada marca es un estudiante de la tabla de la aplicación en "
    "un curso, en su último día: {n} de {n_all}. Los rombos son señalados ({flagged}); "
    "los círculos, no. Los señalados tienen en promedio {means_flagged}; los demás, "
    "{means_others}.",
    "m_points_missing": "No se dibujan {n} de quienes aún no se conoce alguna de las "
    "tres.",
    "m_points_mean": "{value} ({feature})",
    "m_points_none": "No hay tres variables con nombre conocido, o no hay tabla, para "
    "dibujar las probabilidades.",
    "m_probability": "Probabilidad",
    "m_group": "Grupo",
    "m_count": "Cantidad",
    "m_mean_of": "media de: {feature}",
    # -- data and split
    "m_data": "Los datos con que se evaluó",
    "m_data_note": "El registro guarda huellas de las filas, y ninguna fila. Huellas "
    "iguales son filas iguales con resultados iguales.",
    "m_fact": "Qué",
    "m_fact_created_at": "Guardada",
    "m_fact_parent": "Hecha a partir de la versión",
    "m_fact_trained_on": "Filas con que se entrenó (SHA-256)",
    "m_fact_split_plan": "Plan de particiones de calibración y umbral (huella)",
    "m_fact_folds": "Partes de este, por estudiante",
    "m_fact_calibration": "Calibración",
    "m_fact_threshold_rule": "Regla del umbral",
    "m_fact_threshold_from": "Filas con que se eligió el umbral (SHA-256)",
    "m_fact_judged_on": "Filas con que se evaluó: el lado de prueba (SHA-256)",
    "m_fact_evaluated_at": "Evaluada",
    "m_fact_purpose": "Evaluada para",
    "m_fact_n_snapshots": "Lado de prueba: instantáneas",
    "m_fact_n_histories": "Lado de prueba: estudiantes, una vez por curso",
    "m_fact_n_students": "Lado de prueba: estudiantes",
    "m_fact_n_failing_students": "Lado de prueba: estudiantes que reprueban",
    "m_fact_n_failing_snapshots": "Lado de prueba: instantáneas que reprueban",
    "m_fact_n_courses": "Lado de prueba: cursos",
    "m_fact_n_partitions": "Lado de prueba: días del curso",
    "m_purpose_validation": "validación, al registrarla",
    "m_purpose_report": "un informe",
    # -- history
    "m_history": "Su historia",
    "m_when": "Cuándo",
    "m_who": "Quién",
    "m_what": "Qué",
    "m_from": "De",
    "m_to": "A",
    "m_why": "Por qué",
    "m_what_register": "registro",
    "m_what_promote": "ascenso",
    "m_what_demote": "descenso",
    "m_what_rollback": "vuelta atrás",
    "m_what_compete": "concurso",
    "m_what_remove": "retiro",
    "m_what_import": "importación",
    # -- changes
    "m_promote": "Pasar a producción",
    "m_rollback": "Volver atrás",
    "m_is_champion": "La versión {version} está en producción.",
    "m_promote_title": "¿Pasar la versión {version} a producción?",
    "m_promote_text": "La versión {version} será la que da las probabilidades. "
    "{before} vuelve a desarrollo.",
    "m_promote_first": "La versión {version} será la que da las probabilidades. Hasta "
    "ahora no hay ninguna.",
    "m_promote_unjudged": "No fue evaluada: nadie sabe qué tan buena es.",
    "m_rollback_title": "¿Volver a la versión {version}?",
    "m_rollback_text": "La versión {before} será otra vez la que da las "
    "probabilidades, y la versión {version} vuelve a desarrollo.",
    "m_rollback_none": "No hay versión a la que volver: ninguna que estuvo antes en "
    "producción sigue estando.",
    "m_version_n": "La versión {version}",
    "m_why_input": "¿Por qué? (para la historia)",
    "m_yes_promote": "Sí, pasar a producción",
    "m_yes_rollback": "Sí, volver atrás",
    "m_no": "No, no cambiar nada",
    "m_done_promote": "La versión {version} está ahora en producción.",
    "m_done_rollback": "La versión {version} está otra vez en producción.",
    "m_not_done_changed": "No se cambió nada, porque el registro ya no es como lo "
    "mostraba la página: {changes}. Mírelo como está ahora y decida de nuevo.",
    "m_not_done_gone": "No se cambió nada: la versión fue quitada entretanto.",
    "m_not_done_not_allowed": "No se cambió nada: la aplicación se inició sin "
    "--allow-changes.",
    "m_not_done_none_before": "No se cambió nada: no hay versión a la que volver.",
    "m_not_done_refused": "No se cambió nada. {reason}",
    "m_done_overtaken": "Se hizo, pero hubo otro cambio en el mismo momento: "
    "{changes}. Ahora está en producción la versión {version}.",
    # -- an endpoint
    "m_endpoint": "El modelo que sirve el servidor",
    "m_endpoint_rest": "Un servidor informa del único modelo que sirve, y no de otras "
    "versiones, curvas ni historia. Inicie la aplicación con --registry para verlas.",
    "m_endpoint_figures": "Las medidas con que se registró. El servidor no dice si con "
    "los mismos estudiantes se decidió un concurso, lo que la favorecería.",
    "m_endpoint_no_figures": "Se registró sin medidas: sin evaluar.",
    "m_endpoint_threshold": "Señala desde esta probabilidad",
}

MODELS: dict[str, dict[str, str]] = {"en": _ENGLISH, "es": _SPANISH}
