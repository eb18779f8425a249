"""The texts that both pages share."""

SHARED = {
    "en": {
        "app_title": "edml: students at risk",
        "page_scores": "Students",
        "page_models": "Models",
        "language": "Language",
        "loading": "Loading …",
        "loading_libraries": "Loading the libraries …",
        "training": "Training a model on the sample …",
        "refused": "That did not work. {reason}",
        "unexpected": "Something went wrong in the app ({kind}). Try again; if it "
        "goes wrong again, tell whoever runs the app.",
        "no_memory": "There is not enough memory for that. Choose one course, or a "
        "smaller file.",
        "try_again": "Try again",
        "about_demo": "This is a demonstration: its students are made up, and its "
        "model was trained just now. Start the app with --registry or --url, and "
        "--data, to see yours.",
    },
    "es": {
        "app_title": "edml: estudiantes en riesgo",
        "page_scores": "Estudiantes",
        "page_models": "Modelos",
        "language": "Idioma",
        "loading": "Cargando …",
        "loading_libraries": "Cargando las bibliotecas …",
        "training": "Entrenando un modelo con la muestra …",
        "refused": "No fue posible. {reason}",
        "unexpected": "Algo falló en la aplicación ({kind}). Pruebe de nuevo; si "
        "vuelve a fallar, avise a quien la administra.",
        "no_memory": "No hay memoria suficiente para eso. Elija un curso, o un "
        "archivo más pequeño.",
        "try_again": "Probar de nuevo",
        "about_demo": "Esto es una demostración: sus estudiantes son inventados, y su "
        "modelo se entrenó recién. Inicie la aplicación con --registry o --url, y "
        "--data, para ver los suyos.",
    },
}
